"""Logging: key=value lines to standard error or a file, with Redis' names for the levels."""

import logging

from mcserver.folder import StartupError
from mcserver.settings import Settings

__all__ = ["set_up_logging"]

_LEVELS = {"debug": logging.DEBUG, "verbose": logging.INFO - 5, "notice": logging.INFO, "warning": logging.WARNING}


def set_up_logging(settings: Settings) -> None:
    """Send the log where the settings say; follows `loglevel` as it changes. Raises StartupError for a log file that cannot be written."""
    try:
        handler = logging.FileHandler(settings.logfile) if settings.logfile else logging.StreamHandler()
    except OSError as error:
        raise StartupError(f"cannot write to logfile {settings.logfile}: {error.strerror}") from None
    handler.setFormatter(logging.Formatter("time=%(asctime)s.%(msecs)03d level=%(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)

    def set_level() -> None:
        for name in ("mcserver", "storage", "embedding"):
            logging.getLogger(name).setLevel(_LEVELS[settings.loglevel])

    set_level()
    settings.subscribe("loglevel", set_level)
