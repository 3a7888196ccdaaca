"""The one error of this package."""


class SettingError(ValueError):
    """A setting that cannot be taken. Its text is one line: where it came from, what was given, what would be valid."""
