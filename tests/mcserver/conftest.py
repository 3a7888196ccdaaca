"""A cache over real stores in a fresh folder, with an embedder and a clock under the test's control."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.mcserver.parts import Parts, Peer, Tcp, opened


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    async with opened(Parts(tmp_path)) as parts:
        yield parts


@pytest.fixture
async def tcp(parts: Parts) -> AsyncIterator[Tcp]:
    tcp = Tcp(parts)
    await tcp.listen()
    yield tcp
    await tcp.close()


@pytest.fixture
async def peer(tcp: Tcp) -> Peer:
    return await tcp.connect()


@pytest.fixture
async def other(tcp: Tcp) -> Peer:
    return await tcp.connect()
