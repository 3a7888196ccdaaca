"""Settings: one table that serves files, arguments, environment, CONFIG and the reference page."""

from mcserver.settings.error import SettingError
from mcserver.settings.output import OutputLimit, OutputLimits
from mcserver.settings.percentiles import format_percentile
from mcserver.settings.rewrite import rewrite
from mcserver.settings.section import ModelSettings
from mcserver.settings.server import Settings, check_model_setting, describe_model, is_secret
from mcserver.settings.source import load_settings

__all__ = [
    "ModelSettings",
    "OutputLimit",
    "OutputLimits",
    "SettingError",
    "Settings",
    "check_model_setting",
    "describe_model",
    "format_percentile",
    "is_secret",
    "load_settings",
    "rewrite",
]
