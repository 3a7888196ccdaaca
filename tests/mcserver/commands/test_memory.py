"""MEMORY: what the process and what a model takes."""

import pytest

from mcserver import process
from mcserver.commands import memory
from mcserver.context import Buffers
from tests.mcserver.commands.wire import Redis, Wire, decode
from tests.mcserver.parts import SilentLink


def hold(wire: Wire, held: Buffers) -> None:
    """Have one more client, with this in its buffers."""
    client = wire.connect(link=SilentLink(held))
    wire.context.holding[client.id] = client


async def test_usage_is_what_the_entries_take(wire: Wire):
    await wire.send("MC.CREATE m")
    assert await wire.ask("MEMORY USAGE m") == 0
    await wire.send([b"MC.SET", b"m", b"query", b"x" * 1000, b"META", b"{}"])
    vector = 4 * wire.context.cache.embedder.dimension
    assert await wire.ask("MEMORY USAGE m SAMPLES 3") == len("query") + 1000 + len("{}") + vector
    await wire.send("MC.TRUNCATE m")
    assert await wire.ask("MEMORY USAGE m") == 0


async def test_usage_without_a_store(wire: Wire):
    await wire.send("MC.CREATE m")
    await wire.context.cache.store.close()
    assert (await wire.send("MEMORY USAGE m")).startswith(b"-UNAVAILABLE ")


@pytest.mark.parametrize("protocol", [2, 3])
async def test_stats_have_the_names_of_redis(protocol: int, wire: Wire, redis: Redis):
    ours = await wire.ask("MEMORY STATS")
    theirs = decode(redis.send("MEMORY STATS"))
    assert ours[::2] == theirs[::2]
    assert [type(value) for value in ours] == [type(value) for value in theirs]


async def test_stats(wire: Wire):
    hold(wire, Buffers(3, 4))
    await wire.send("MC.SET m red answer")
    await wire.send("MC.GET m red")
    await wire.send("HELLO 3")
    stats = await wire.ask("MEMORY STATS")
    assert stats["clients.normal"] == 7
    assert stats["keys.count"] == 1
    assert stats["db.0"] == {"overhead.hashtable.main": 0, "overhead.hashtable.expires": 0}
    assert stats["dataset.bytes"] == wire.context.cache.exact.bytes > 0
    assert stats["dataset.bytes"] + stats["overhead.total"] == stats["total.allocated"]
    assert 10 << 20 < stats["total.allocated"] <= stats["peak.allocated"]
    assert 0 < stats["peak.percentage"] <= 100


async def test_stats_of_a_process_that_has_shrunk(wire: Wire):
    wire.context.memory_at_start = 1 << 50
    await wire.send("MC.CREATE m")
    await wire.send("HELLO 3")
    stats = await wire.ask("MEMORY STATS")
    assert (stats["keys.bytes-per-key"], stats["dataset.percentage"]) == (0, 0)


async def test_doctor_finds_nothing(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "peak_bytes", lambda: 0)
    assert await wire.ask("MEMORY DOCTOR") == "No memory issue was found.\n"


async def test_doctor_finds(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "peak_bytes", lambda: 1 << 50)
    wire.context.cache.exact.evicted = 5
    hold(wire, Buffers(1 << 20, 0))
    lines = (await wire.ask("MEMORY DOCTOR")).splitlines()
    assert [line.split(":")[0] for line in lines] == ["* Peak memory", "* Answers pushed out", "* Client buffers"]
    assert "5 answers" in lines[1]


async def test_purge(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    assert await wire.send("MEMORY PURGE") == b"+OK\r\n"
    monkeypatch.setattr(process.ctypes, "CDLL", lambda name: object())
    assert await wire.send("MEMORY PURGE") == b"-ERR Error purging dirty pages: the C library of this system cannot\r\n"


async def test_allocators(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    names = [line.split(":")[0] for line in (await wire.ask("MEMORY MALLOC-STATS")).splitlines()]
    assert names[0] == "python blocks"
    assert names[-1] == "resident"
    monkeypatch.setattr(process.ctypes, "CDLL", lambda name: object())
    assert [line.split(":")[0] for line in (await wire.ask("MEMORY MALLOC-STATS")).splitlines()] == ["python blocks", "resident"]
    await wire.send("HELLO 3")
    assert (await wire.send("MEMORY MALLOC-STATS")).split(b"\r\n")[1].startswith(b"txt:python blocks: ")
