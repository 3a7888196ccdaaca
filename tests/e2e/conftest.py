"""Real servers on loopback: mcserver as users start it, with the real default model, stopped by process id."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from embedding.e5.build import NAME, build
from tests.e2e.programs import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 60


class RunningServer:
    """A server process and what is needed to reach it."""

    def __init__(self, folder: Path, model: Path, *arguments: str, measured: bool = True) -> None:
        """measured: whether it takes part in the measuring of coverage. It makes it slower, and one that is killed has nothing to tell."""
        self.folder = folder
        self.port = free_port()
        self.log = folder / "log"
        folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            command = [sys.executable, "-P", "-m", "mcserver", "--port", str(self.port), "--dir", str(folder / "data")]
            command += [*([] if "--embedder" in arguments else ["--embedder", f"onnx:{model}"]), *arguments]
            environment = {name: value for name, value in os.environ.items() if not name.startswith("MCSERVER_")}
            if not measured:
                environment.pop("COVERAGE_PROCESS_CONFIG", None)
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=environment)
        self._wait_until_ready()

    def client(self, **options: object) -> redis.Redis:
        """A redis-py client."""
        return redis.Redis(port=self.port, socket_timeout=60, **options)

    def stop(self) -> int:
        """End it as an operator would; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """End it as a power switch would."""
        self.process.kill()
        self.process.wait(60)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                    probe.sendall(b"PING\r\n")
                    if probe.recv(64) == b"+PONG\r\n":
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the server did not start:\n{self.log.read_text()}")


@pytest.fixture(scope="session")
def model() -> Path:
    """The default model, built once per machine."""
    path = Path(os.environ.get("TEST_MODEL_FOLDER", ROOT / ".cache" / "model")) / NAME
    build(path)
    return path


@pytest.fixture(scope="session")
def shared_server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all tests that only need models of their own."""
    server = RunningServer(tmp_path_factory.mktemp("server"), model)
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: RunningServer) -> RunningServer:
    """The shared server, without models."""
    with shared_server.client() as client:
        for name in client.execute_command("MC.MODELS"):
            client.execute_command("MC.DROP", name)
    return shared_server


@pytest.fixture
def start(model: Path, tmp_path: Path) -> Iterator[object]:
    """Start servers of one's own: `start(*arguments, folder=..., measured=...)`. What still runs at the end is stopped."""
    started: list[RunningServer] = []

    def begin(*arguments: str, folder: Path = tmp_path, measured: bool = True) -> RunningServer:
        started.append(RunningServer(folder, model, *arguments, measured=measured))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.kill()
