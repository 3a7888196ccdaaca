"""A server's parts without TCP, and a real redis-server to compare with."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mcserver.network.listener import Listener
from mcserver.network.server import Server
from mcserver.settings import Settings
from tests.mcserver.commands.wire import Redis, Wire
from tests.mcserver.parts import free_port


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
    port = free_port()
    server.listen(Listener(Settings(bind=("127.0.0.1",), port=port)))
    yield port
    await server.close()


@contextmanager
def real_redis(folder: Path, *options: str) -> Iterator[int]:
    """The port of a redis-server of its own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), "--enable-debug-command", "yes"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if "Ready to accept connections" in line:
                break
        else:
            pytest.fail("redis-server did not start")
        yield port
        server.terminate()
        server.communicate(timeout=10)


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with real_redis(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def fresh_redis(tmp_path: Path) -> Iterator[Redis]:
    """A connection to a server that no other test has changed."""
    (tmp_path / "redis").mkdir()
    with real_redis(tmp_path / "redis") as port:
        redis = Redis(port)
        yield redis
        redis.close()


@pytest.fixture
def redis(redis_port: int) -> Iterator[Redis]:
    redis = Redis(redis_port)
    yield redis
    redis.close()
