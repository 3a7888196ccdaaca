"""A real redis-server to compare with."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Ask = Callable[[bytes], bytes]


@pytest.fixture(scope="session")
def ask_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Send bytes to a real server on a fresh connection, half-close, and read all it answers."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    folder = tmp_path_factory.mktemp("redis")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        _wait_until_ready(server, folder)
        yield lambda data: _ask(port, data)
        server.terminate()
        server.communicate(timeout=10)


def _wait_until_ready(server: "subprocess.Popen[str]", folder: Path) -> None:
    assert server.stdout is not None
    for line in server.stdout:
        if "Ready to accept connections" in line:
            return
    pytest.fail(f"redis-server did not start in {folder}")


def _ask(port: int, data: bytes) -> bytes:
    answer = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while chunk := connection.recv(65536):
            answer += chunk
    return bytes(answer)
