"""The folder that one run of the harness works in: the source's tests by links, a redis-server of ours in `src`."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAMS = ("redis-cli", "redis-benchmark")
SHIM = Path(__file__).with_name("shim.py")
RESUME = SHIM.with_name("resume.tcl")
LAST_SOURCED = "util.tcl"
"""Of the files with the harness' procedures."""
ROOT = SHIM.parents[2]


class Stage:
    """`path` is where the harness is started. It writes into `tests/tmp` only, and removes what others have there: one stage per run."""

    def __init__(self, path: Path, source: Path, *, model: Path) -> None:
        self.path = path
        (path / "src").mkdir(parents=True)
        (path / "tests" / "tmp").mkdir(parents=True)
        for child in (source / "tests").iterdir():
            if child.name not in {"tmp", "tls", "support"}:
                (path / "tests" / child.name).symlink_to(child)
        self._link_support(source / "tests" / "support")
        (path / "utils").symlink_to(source / "utils")
        for program in PROGRAMS:
            (path / "src" / program).symlink_to(shutil.which(program) or program)
        self.server = path / "src" / "redis-server"
        self._write_server(model)

    def _link_support(self, source: Path) -> None:
        support = self.path / "tests" / "support"
        support.mkdir()
        for child in source.iterdir():
            if child.name != LAST_SOURCED:
                (support / child.name).symlink_to(child)
        (support / LAST_SOURCED).write_text(f"source {{{source / LAST_SOURCED}}}\nsource {{{RESUME}}}\n", encoding="utf-8")

    def _write_server(self, model: Path) -> None:
        words = [sys.executable, "-P", str(SHIM), "--model", str(model)]
        self.server.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.join(words)} "$@"\n', encoding="utf-8")
        self.server.chmod(0o755)

    def make_certificates(self) -> None:
        """The certificates of a run with TLS. Its own script makes them; parameters for Diffie-Hellman made quickly are enough here."""
        (self.path / "tests" / "tls").mkdir()
        self._run("openssl", "dhparam", "-dsaparam", "-out", "tests/tls/redis.dh", "2048")
        self._run("utils/gen-test-certs.sh")

    def _run(self, *command: str) -> None:
        subprocess.run(command, cwd=self.path, capture_output=True, check=True)

    def log(self) -> str:
        """What the servers of this stage wrote, the newest last."""
        outputs = sorted(self.path.glob("tests/tmp/server*/std*"), key=os.path.getmtime)
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in outputs)
