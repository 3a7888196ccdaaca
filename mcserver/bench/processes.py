"""The processes a run starts, each with a folder of its own, and ends by process id whatever happens."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter, sleep
from types import TracebackType
from typing import Self

from mcserver.bench.client import HOST, Client, LoadError
from mcserver.bench.machine import has_proc, processor_seconds

POLL = 0.002  # s between two attempts to connect; also the resolution of a start-up time


IDLE_WINDOW, IDLE_SHARE = 0.5, 0.1  # s watched, share of one processor below which a program counts as idle


class ProgramError(Exception):
    """A program did not do what was waited for: the message carries the end of its log."""


@dataclass(slots=True)
class Program:
    """A server under measurement. As a context it is started, and stopped at the end."""

    arguments: Sequence[str]
    port: int
    log: Path
    patience: float = 120.0
    start_seconds: float = 0.0
    _process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the running program."""
        if self._process is None:
            raise ProgramError(f"{self.arguments[0]} is not running")
        return self._process.pid

    @property
    def processor(self) -> float:
        """Seconds of processor time the program has used, 0 where that cannot be read."""
        return processor_seconds(self.pid) if has_proc() else 0.0

    def start(self) -> None:
        """Start and wait for the first PONG; `start_seconds` is the time between the two. Raises ProgramError."""
        started = perf_counter()
        with self.log.open("ab") as log:
            # A session of its own, so that Ctrl-C reaches the benchmark alone, which then ends its children in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own command lines
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,
                env=environment(),
                start_new_session=True,
            )
        try:
            self._await_pong()
        except BaseException:
            self.stop()
            raise
        self.start_seconds = perf_counter() - started

    def stop(self, *, kill: bool = False, patience: float = 30.0) -> None:
        """Ask the program to end (SIGTERM), and end it (SIGKILL) if it has not within `patience` seconds, or at once with `kill`."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(patience)
        except BaseException:  # also a second Ctrl-C: no child outlives the run
            process.kill()
            process.wait()
            raise

    def await_idle(self, patience: float) -> None:
        """Wait until the program has been all but idle for IDLE_WINDOW, its work in the background done.

        Returns soon where processor time cannot be read. Raises ProgramError when it is still busy after `patience` seconds.
        """
        deadline = monotonic() + patience
        used = self.processor
        while True:
            sleep(IDLE_WINDOW)
            before, used = used, self.processor
            if used - before <= IDLE_SHARE * IDLE_WINDOW:
                return
            if monotonic() > deadline:
                raise ProgramError(self._failure(f"was still busy after {patience:g} s"))

    def _await_pong(self) -> None:
        deadline = monotonic() + self.patience
        while not self._pings():
            if self._process is None or self._process.poll() is not None:
                raise ProgramError(self._failure("ended before it answered PING"))
            if monotonic() > deadline:
                raise ProgramError(self._failure(f"did not answer PING within {self.patience:g} s"))
            sleep(POLL)

    def _pings(self) -> bool:
        try:
            with Client(self.port, timeout=self.patience) as client:
                return bool(client.call("PING") == b"PONG")
        except (OSError, LoadError):
            return False

    def _failure(self, what: str) -> str:
        tail = self.log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()
        return f"{' '.join(self.arguments)}\n{what}; its output ended with:\n{tail or '(nothing)'}"


def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def redis_server(folder: Path) -> Program | None:
    """A redis-server without persistence, None where it or redis-benchmark is not installed."""
    program = shutil.which("redis-server")
    if program is None or shutil.which("redis-benchmark") is None:
        return None
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    arguments = [program, "--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no", "--dir", str(folder)]
    return Program(arguments, port, folder / "redis.log")


def cache_server(folder: Path, options: Sequence[str] = (), *, launcher: Sequence[str] = ("-m", "mcserver")) -> Program:
    """An mcserver with the data folder `folder`/data; `options` are its settings as `--name value`."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    arguments = [sys.executable, "-P", *launcher, "--port", str(port), "--dir", str(folder / "data"), *options]
    return Program(arguments, port, folder / "mcserver.log")


def module(name: str, *arguments: str) -> list[str]:
    """The command line that runs one of our modules in a process of its own."""
    return [sys.executable, "-P", "-m", name, *arguments]


def environment() -> dict[str, str]:
    """Ours without MCSERVER_ settings, and with the folder of this code on the module path, for a run from a source tree."""
    root = str(Path(__file__).resolve().parents[2])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MCSERVER_")}
    paths = [root, *filter(None, [inherited.get("PYTHONPATH")])]
    return inherited | {"PYTHONPATH": os.pathsep.join(paths)}
