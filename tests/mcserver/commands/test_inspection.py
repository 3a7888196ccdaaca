"""OBJECT, and what counts as a use of a model."""

import pytest

from mcserver.cache.upkeep import Upkeep
from tests.mcserver.parts import Parts, error_text, opened


@pytest.fixture
async def stored(parts: Parts) -> Parts:
    parts.embedder.relate("a", "similar", 0.95)
    await parts.ask("MC.SET", "m", "a", "1")
    await parts.ask("MC.GET", "m", "a")
    return parts


def upkeep(parts: Parts) -> Upkeep:
    return Upkeep(parts.cache, parts.settings, parts.context.statistics)


async def test_encoding_and_references(stored):
    assert [await stored.ask("OBJECT", "ENCODING", key) for key in ("m", "x")] == [b"raw", None]
    assert [await stored.ask("OBJECT", "REFCOUNT", key) for key in ("m", "x", b"\xff")] == [1, None, None]


async def test_frequencies_are_not_kept(stored):
    assert await stored.ask("OBJECT", "FREQ", "x") is None
    assert error_text(await stored.ask("OBJECT", "FREQ", "m")).startswith("ERR An LFU maxmemory policy is not selected, access frequency")


class TestIdleTime:
    async def test_seconds_since_the_last_use(self, stored):
        stored.clock.seconds += 99.9
        assert await stored.ask("OBJECT", "IDLETIME", "m") == 99
        stored.clock.seconds += 0.1
        assert await stored.ask("OBJECT", "IDLETIME", "m") == 100
        assert await stored.ask("OBJECT", "IDLETIME", "x") is None

    @pytest.mark.parametrize(
        "words",
        [
            ["MC.GET", "m", "a"],
            ["MC.GET", "m", "similar"],
            ["MC.GET", "m", "missing"],
            ["MC.SET", "m", "b", "2"],
            ["MC.DEL", "m", 1],
            ["MC.DEL", "m", "QUERY", "a"],
            ["MC.TRUNCATE", "m"],
            ["MC.EXPIRE", "m", 1, 5],
            ["TOUCH", "x", "m"],
        ],
    )
    async def test_used(self, stored, words):
        stored.clock.seconds += 100
        await stored.ask(*words)
        stored.clock.seconds += 5
        assert await stored.ask("OBJECT", "IDLETIME", "m") == 5

    @pytest.mark.parametrize(
        "words",
        [
            ["EXISTS", "m"],
            ["TYPE", "m"],
            ["TTL", "m"],
            ["SCAN", 0],
            ["GET", "m"],
            ["MC.INFO", "m"],
            ["MC.ENTRY", "m", 1],
            ["MC.SCAN", "m", 0],
        ],
    )
    async def test_only_looked_at(self, stored, words):
        stored.clock.seconds += 100
        await stored.ask(*words)
        assert await stored.ask("OBJECT", "IDLETIME", "m") == 100

    async def test_a_client_that_asked_not_to_touch_does_not(self, stored):
        stored.clock.seconds += 100
        stored.client.no_touch = True
        for query in ("a", "similar", "missing"):
            await stored.ask("MC.GET", "m", query)
        assert await stored.ask("OBJECT", "IDLETIME", "m") == 100
        await stored.ask("TOUCH", "m")
        assert await stored.ask("OBJECT", "IDLETIME", "m") == 0

    async def test_the_exact_path_counts_before_and_after_its_counters_are_stored(self, stored, tcp):
        peer = await tcp.connect()
        for _ in range(3):
            assert await peer.ask("MC.GET", "m", "a") == b"1"
        stored.clock.seconds += 100
        assert await peer.ask("MC.GET", "m", "a") == b"1"
        stored.clock.seconds += 3
        assert await stored.ask("OBJECT", "IDLETIME", "m") == 3
        await upkeep(stored).flush()
        assert await stored.ask("OBJECT", "IDLETIME", "m") == 3
        assert stored.cache.exact.touched == set()

    async def test_a_sweep_is_no_use(self, stored):
        await stored.ask("MC.SET", "m", "b", "2", "EX", 1)
        stored.clock.seconds += 100
        await upkeep(stored).sweep()
        assert stored.context.statistics.expired == 1
        assert await stored.ask("OBJECT", "IDLETIME", "m") == 100

    async def test_begins_anew_with_the_server(self, tmp_path):
        async with opened(Parts(tmp_path)) as first:
            await first.ask("MC.SET", "m", "a", "1")
        second = Parts(tmp_path)
        second.clock.seconds += 100
        async with opened(second):
            second.clock.seconds += 7
            assert await second.ask("OBJECT", "IDLETIME", "m") == 7


async def test_touch_counts_what_there_is(stored):
    assert await stored.ask("TOUCH", "m", "x", "m", b"\xff") == 2
