"""A server's parts without TCP, and a real redis-server to compare with."""

import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mcserver.server import Server, bind_sockets
from tests.mcserver.commands.wire import Redis, Wire


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    wire = Wire(tmp_path)
    await wire.context.cache.open()
    yield wire
    await wire.context.cache.close()


@pytest.fixture
async def port(wire: Wire) -> AsyncIterator[int]:
    """The same parts behind a port."""
    wire.context.clients.clear()
    server = Server(wire.context)
    sockets = bind_sockets(wire.settings)
    await server.listen(sockets)
    yield sockets[0].getsockname()[1]
    await server.close()


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if "Ready to accept connections" in line:
                break
        else:
            pytest.fail("redis-server did not start")
        yield port
        server.terminate()
        server.communicate(timeout=10)


@pytest.fixture
def redis(redis_port: int) -> Iterator[Redis]:
    redis = Redis(redis_port)
    yield redis
    redis.close()
