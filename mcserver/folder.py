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
            raise self._unusable(error) from None
        try:
            self._take()
        except OSError as error:
            os.close(self._lock)
            raise self._unusable(error) from None
        except StartupError:
            os.close(self._lock)
            raise

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            raise StartupError(f"data folder {self.path} is in use by another mcserver (process {holder or 'unknown'})") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def _unusable(self, error: OSError) -> StartupError:
        return StartupError(f"cannot use data folder {self.path}: {error.strerror}; choose another with --dir")

    def release(self) -> None:
        """Let another server have it."""
        os.close(self._lock)
