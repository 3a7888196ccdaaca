"""The wheel, built once from a clean copy, and installed where nothing else is."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = {"embedding", "mcserver", "protocol", "storage"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy: building leaves files in the source folder, and takes up those that an earlier build left."""
    source = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        shutil.copytree(REPOSITORY / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--wheel-dir", target, source], check=True)
    (built,) = target.iterdir()
    return built


def test_holds_the_four_packages_and_nothing_else(wheel):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.split("/", maxsplit=1)[0] for name in names} == PACKAGES
    assert {name for name in names if not name.endswith(".py")} == {f"{package}/py.typed" for package in PACKAGES}


def test_holds_every_module(wheel):
    modules = {str(path.relative_to(REPOSITORY)) for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py")}
    assert {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")} == modules


def test_metadata(wheel):
    archive = zipfile.ZipFile(wheel)
    (folder,) = {name.split("/", maxsplit=1)[0] for name in archive.namelist() if ".dist-info/" in name}
    metadata = archive.read(f"{folder}/METADATA").decode()
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert "Apache-2.0" in metadata
    assert f"{folder}/licenses/LICENSE" in archive.namelist()
    assert archive.read(f"{folder}/entry_points.txt").decode().split() == ["[console_scripts]", "mcserver", "=", "mcserver.__main__:main"]


@pytest.fixture(scope="module")
def program(wheel, tmp_path_factory):
    """The console script in an environment that holds the wheel and what it asks for, and no extra."""
    venv = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([venv / "bin" / "python", "-m", "pip", "install", "-qq", wheel], check=True)
    return venv / "bin" / "mcserver"


def clean_environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(("MCSERVER_", "PYTHON", "COV_"))}


def ask(port, process):
    """PING until the server has loaded; what it answered."""
    reply = b"-LOADING"
    while reply.startswith(b"-LOADING"):
        assert process.poll() is None, f"the server ended with status {process.returncode}"
        time.sleep(0.05)
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"*1\r\n$4\r\nPING\r\n")
            reply = client.recv(100)
    return reply


def test_installed_it_starts_answers_and_ends(program, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [program, "--port", str(port), "--dir", str(tmp_path / "data")]
    # Names of ours in the current folder must not come before the installed packages.
    (tmp_path / "storage.py").write_text("raise SystemExit('the wrong storage was imported')")
    process = subprocess.Popen(arguments, cwd=tmp_path, env=clean_environment())
    try:
        assert ask(port, process) == b"+PONG\r\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    finally:
        process.kill()
        process.wait()


def test_installed_it_refuses_a_bad_setting(program, tmp_path):
    refused = subprocess.run([program, "--port", "x"], check=False, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True)
    assert refused.returncode == 2
    assert "argument --port: port got 'x', expected a whole number from 0 to 65535" in refused.stderr
    assert refused.stderr.count("\n") == 1
