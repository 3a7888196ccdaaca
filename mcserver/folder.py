"""The data folder: made if missing, used by one server at a time."""

import fcntl
import os
from pathlib import Path

__all__ = ["DataFolder", "StartupError"]

LOCK = "mcserver.lock"


class StartupError(Exception):
    """Why the server cannot start, in one line for the operator."""


class DataFolder:
    """The folder of `dir`, locked until `release`. The lock ends with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        """Raises StartupError where it cannot be made, written to, or is in use."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartupError(f"cannot use data folder {path}: {error.strerror}; choose another with --dir") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            os.close(self._lock)
            raise StartupError(f"data folder {path} is in use by another mcserver (process {holder or 'unknown'})") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let another server have it."""
        os.close(self._lock)
