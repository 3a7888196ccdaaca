"""The version, in the forms that clients ask for."""

from mcserver import __version__

__all__ = ["REDIS_VERSION", "module_version"]

REDIS_VERSION = "7.4.0"
"""The Redis whose replies and error texts are followed; client libraries choose by it what they send."""


def module_version() -> int:
    """The version as Redis numbers those of modules: 1.2.3 is 10203."""
    major, minor, patch = (int(part) for part in __version__.split("."))
    return (major * 100 + minor) * 100 + patch
