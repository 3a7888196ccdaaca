"""bin/environment, on a small project of its own in place of this one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SETUP = "[metadata]\nname = tiny\nversion = 1\n[options]\npy_modules = tiny\n[options.extras_require]\ntest =\n"


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "checkout"
    (folder / "bin").mkdir(parents=True)
    shutil.copy(REPOSITORY / "bin" / "environment", folder / "bin")
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    (folder / "setup.cfg").write_text(SETUP)
    (folder / "tiny.py").write_text("")
    return folder


def start(checkout, *extras, python=sys.executable):
    environ = {**os.environ, "PYTHON": str(python)}
    return subprocess.Popen([checkout / "bin" / "environment", *extras], env=environ, stderr=subprocess.PIPE, text=True)


def run(checkout, *extras, **options):
    process = start(checkout, *extras, **options)
    _, log = process.communicate()
    return process.returncode, log


def program(checkout, text):
    path = checkout / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_its_life(checkout):
    at_once = [start(checkout), start(checkout)]
    logs = [process.communicate()[1] for process in at_once]
    assert [process.returncode for process in at_once] == [0, 0], logs
    assert sorted(log.count("mcserver: making ") for log in logs) == [0, 1]
    imported = subprocess.check_output([checkout / ".venv/bin/python", "-P", "-c", "import tiny; print(tiny.__file__)"], text=True)
    assert imported.strip() == str(checkout / "tiny.py")

    assert run(checkout) == (0, "")

    (checkout / "setup.cfg").write_text(SETUP.replace("version = 1", "version = 2"))
    status, log = run(checkout, "test")
    assert (status, log.count("mcserver: making "), "Successfully installed tiny-2" in log) == (0, 0, True)
    assert run(checkout) == run(checkout, "test") == (0, "")

    (checkout / ".venv/unfinished").touch()
    (checkout / ".venv/left-over").touch()
    status, log = run(checkout)
    assert (status, log.count("mcserver: making ")) == (0, 1)
    assert not (checkout / ".venv/left-over").exists()

    moved = checkout.parent / "moved"
    checkout.rename(moved)
    status, log = run(moved)
    assert (status, log.count("mcserver: making ")) == (0, 1)
    assert run(moved) == (0, "")


def test_an_installation_that_fails_is_not_taken_for_done(checkout):
    (checkout / "setup.cfg").write_text("[metadata]\nname = tiny\nversion = 1\n[options]\npython_requires = >=99\n")
    status, log = run(checkout)
    assert status == 1
    assert log.rstrip().endswith("mcserver: the installation did not succeed; the lines above say why")
    assert (checkout / ".venv/unfinished").exists()
    assert not (checkout / ".venv/installed").exists()


def test_no_python(checkout):
    status, log = run(checkout, python="/nowhere/python3")
    assert status == 1
    assert log.startswith("mcserver: found no Python 3.11 or newer at /nowhere/python3; install one, or name it: PYTHON=")
    assert log.count("\n") == 1


def test_python_too_old(checkout):
    status, log = run(checkout, python=program(checkout, "exit 1"))
    assert (status, log.count("found no Python 3.11 or newer")) == (1, 1)


def test_python_without_venv(checkout):
    python = program(checkout, 'case $2 in *ensurepip*) exit 1;; esac; exec "$REAL" "$@"')
    python.write_text(python.read_text().replace("$REAL", sys.executable))
    status, log = run(checkout, python=python)
    assert (status, log) == (1, f"mcserver: {python} has no venv module; on Debian and Ubuntu: apt-get install python3-venv\n")
