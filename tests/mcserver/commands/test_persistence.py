"""SAVE, BGSAVE, LASTSAVE, WAITAOF: what they do to the disk, and what INFO says of it."""

import asyncio

import pytest

from storage.errors import StoreUnavailable
from tests.mcserver.commands.wire import STARTED, Wire


class Disk:
    """Counts syncs of the real store; fails or waits where the test says so."""

    def __init__(self, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
        self._store = wire.context.cache.store
        self._sync = self._store.sync
        self.syncs = 0
        self.failure: Exception | None = None
        self.free = asyncio.Event()
        self.free.set()
        monkeypatch.setattr(self._store, "sync", self.sync)

    async def sync(self) -> None:
        await self.free.wait()
        if self.failure:
            raise self.failure
        await self._sync()
        self.syncs += 1


@pytest.fixture
def disk(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(wire, monkeypatch)


async def fields(wire: Wire) -> dict[str, str]:
    return dict(line.split(":", 1) for line in (await wire.ask("INFO persistence")).split("\r\n") if ":" in line)


async def test_save(wire: Wire, disk: Disk):
    assert await wire.ask("LASTSAVE") == int(STARTED)
    wire.now += 60
    assert await wire.send("SAVE") == b"+OK\r\n"
    assert (disk.syncs, await wire.ask("LASTSAVE")) == (1, int(STARTED) + 60)
    found = await fields(wire)
    assert (found["rdb_last_save_time"], found["rdb_last_bgsave_status"], found["rdb_saves"]) == (str(int(STARTED) + 60), "ok", "1")
    await wire.send("CONFIG RESETSTAT")
    assert (await fields(wire))["rdb_saves"] == "0"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("BGSAVE", b"+Background saving started\r\n"),
        ("BGSAVE SCHEDULE", b"+Background saving started\r\n"),
        ("BGREWRITEAOF", b"+Background append only file rewriting started\r\n"),
    ],
)
async def test_in_the_background(words: str, status: bytes, wire: Wire, disk: Disk):
    disk.free.clear()
    assert await wire.send(words) == status
    wire.now += 3
    found = await fields(wire)
    assert (found["rdb_bgsave_in_progress"], found["rdb_current_bgsave_time_sec"]) == ("1", "3")
    for another in ("SAVE", "BGSAVE", "BGREWRITEAOF"):
        assert await wire.send(another) == b"-ERR Background save already in progress\r\n"
    disk.free.set()
    await wire.context.saving.ended()
    found = await fields(wire)
    assert (disk.syncs, found["rdb_bgsave_in_progress"], found["rdb_last_bgsave_time_sec"]) == (1, "0", "3")


async def test_a_disk_that_fails(wire: Wire, disk: Disk):
    disk.failure = StoreUnavailable("the disk is full")
    assert await wire.send("SAVE") == b"-UNAVAILABLE the disk is full\r\n"
    assert (await fields(wire))["rdb_last_bgsave_status"] == "err"
    assert await wire.send("WAITAOF 1 0 0") == b"-UNAVAILABLE the disk is full\r\n"


async def test_wait_for_the_disk(wire: Wire, disk: Disk):
    assert await wire.ask("WAITAOF 0 0 0") == [1, 0]
    assert disk.syncs == 0
    assert await wire.ask("WAITAOF 1 3 100") == [1, 0]
    assert disk.syncs == 1


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("WAITAOF x 0 0", "value is not an integer or out of range"),
        ("WAITAOF 2 0 0", "value is out of range, value must between 0 and 1"),
        ("WAITAOF 1 -1 0", "value is out of range, must be positive"),
        ("WAITAOF 1 0 -1", "timeout is negative"),
        ("WAITAOF 1 0 x", "timeout is not an integer or out of range"),
        ("REPLICAOF 192.0.2.1 6379", "this server cannot be a replica, expected REPLICAOF NO ONE"),
        ("SLAVEOF 192.0.2.1 6379", "this server cannot be a replica, expected REPLICAOF NO ONE"),
    ],
)
async def test_refused(words: str, error: str, wire: Wire):
    assert await wire.send(words) == f"-ERR {error}\r\n".encode()
