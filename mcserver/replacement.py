"""Putting a new file in the place of an old one."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, content: bytes, *, like: os.stat_result | None = None) -> None:
    """Write the content under this name. At any moment, whatever ends the process, the file is the old one or the new one.

    like: whose mode and owner the file gets; without it only this user may read it. Raises OSError, nothing is then left behind.
    """
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            if like is not None:
                os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
                with suppress(PermissionError):  # only root may give files away
                    os.fchown(descriptor, like.st_uid, like.st_gid)
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """What was renamed is on disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
