"""The data folder: one server at a time."""

import errno
import fcntl
import os

import pytest

from mcserver.folder import LOCK, DataFolder, StartupError


def test_made_and_locked(tmp_path):
    folder = DataFolder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / LOCK).read_text() == str(os.getpid())
    with pytest.raises(StartupError, match=rf"data folder .*b is in use by another mcserver \(process {os.getpid()}\)"):
        DataFolder(tmp_path / "a" / "b")
    folder.release()
    DataFolder(tmp_path / "a" / "b").release()


def test_a_holder_that_has_not_said_who_it_is(tmp_path):
    with (tmp_path / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StartupError, match="process unknown"):
            DataFolder(tmp_path)


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_no_folder_there(tmp_path, path):
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match=r"cannot use data folder .*; choose another with --dir"):
        DataFolder(tmp_path / path)


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refuse(file, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StartupError, match="No locks available; choose another with --dir"):
        DataFolder(tmp_path)
