"""The query log between a lookup and the store: what is noted, counted, left out and dropped."""

from itertools import islice

import pytest

from mcserver.cache import log as module
from mcserver.cache import upkeep as upkeep_module
from mcserver.cache.log import LookupLog
from mcserver.cache.upkeep import Upkeep
from mcserver.cache.verdict import Verdict
from mcserver.settings import Settings
from storage.errors import StoreUnavailable
from tests.mcserver.parts import Parts


@pytest.fixture
def upkeep(parts: Parts) -> Upkeep:
    return Upkeep(parts.cache, parts.settings, parts.context.statistics)


@pytest.fixture
async def stored(parts: Parts) -> Parts:
    parts.embedder.relate("a", "similar", 0.95)
    await parts.ask("MC.SET", "m", "a", "1")
    return parts


async def logged(parts: Parts, upkeep: Upkeep) -> list[dict[str, object]]:
    """The log after a flush, oldest first."""
    await upkeep.flush()
    return await parts.ask("MC.LOG", "m", "AFTER", 0, "COUNT", 10_000)


class TestNoted:
    async def test_every_way_that_a_lookup_ends(self, stored, upkeep, monkeypatch):
        ticks = iter(range(1000))
        monkeypatch.setattr(stored.cache, "timer", lambda: next(ticks) / 1000)
        for query in ("a", "similar", "else"):
            stored.clock.seconds += 1
            await stored.ask("MC.GET", "m", query)
        stored.store.down = True
        await stored.ask("MC.GET", "m", "down")
        stored.store.down = False
        rows = await logged(stored, upkeep)
        assert [(row["outcome"], row["reason"], row["query"], row["hit-query"], row["id"], row["count"]) for row in rows] == [
            (b"hit", b"exact", b"a", b"a", 1, 1),
            (b"hit", b"similar", b"similar", b"a", 1, 1),
            (b"miss", b"below-threshold", b"else", None, 1, 1),
            (b"miss", b"unavailable", b"down", None, None, 1),
        ]
        assert [row["score"] for row in rows] == [1.0, pytest.approx(0.95), pytest.approx(0), None]
        now = stored.clock.milliseconds
        assert [row["time"] for row in rows] == [now - 2000, now - 1000, now, now]
        assert all(row["microseconds"] >= 999 for row in rows)

    async def test_each_lookup_of_several(self, stored, upkeep):
        await stored.ask("MC.MGET", "m", 3, "a", "x", "similar")
        assert [row["query"] for row in await logged(stored, upkeep)] == [b"a", b"x", b"similar"]

    async def test_inside_a_transaction(self, stored, upkeep):
        await stored.execute(["MC.GET", "m", "a"], ["MC.GET", "m", "x"])
        assert [row["outcome"] for row in await logged(stored, upkeep)] == [b"hit", b"miss"]

    async def test_of_a_client_that_does_not_touch(self, stored, upkeep):
        stored.client.no_touch = True
        await stored.ask("MC.GET", "m", "a")
        assert [row["count"] for row in await logged(stored, upkeep)] == [1]
        assert (await stored.ask("MC.ENTRY", "m", 1))["hits"] == 0

    async def test_not_where_it_is_unwanted_but_counted_as_a_hit(self, stored, upkeep):
        for query in ("a", "similar", "x"):
            for _ in range(2):
                await stored.ask("MC.GET", "m", query, "NOLOG")
        await stored.ask("MC.MGET", "m", 1, "a", "NOLOG")
        assert await logged(stored, upkeep) == []
        assert (await stored.ask("MC.ENTRY", "m", 1))["hits"] == 5
        assert stored.cache.exact.requests == {}

    async def test_not_of_a_model_that_there_is_not(self, parts, upkeep):
        await parts.ask("MC.GET", "m", "a")
        await parts.ask("MC.CREATE", "m")
        assert await logged(parts, upkeep) == []

    async def test_what_explains_or_compares_is_no_lookup(self, stored, upkeep):
        for words in (["MC.ENTRY", "m", 1], ["MC.SIM", "m", "a", "b"], ["MC.SCAN", "m", 0], ["MC.LOG", "m"], ["MC.TOP", "m"]):
            await stored.ask(*words)
        assert await logged(stored, upkeep) == []

    async def test_only_the_beginning_of_a_long_query(self, stored, upkeep):
        long = "ä" * 2000
        await stored.ask("MC.SET", "m", long, "2")
        await stored.ask("MC.GET", "m", long)
        [row] = await logged(stored, upkeep)
        assert row["query"].decode() == row["hit-query"].decode() == "ä" * 1024


class TestExactPath:
    async def test_one_row_for_all_since_the_last_flush(self, stored, upkeep, tcp):
        peer = await tcp.connect()
        for _ in range(5):
            stored.clock.seconds += 1
            assert await peer.ask("MC.GET", "m", "a") == b"1"
        # The first one was answered by the store, the second one by its exact key, the others by their bytes.
        *alone, together = await logged(stored, upkeep)
        last = stored.clock.milliseconds
        assert [(row["count"], row["time"]) for row in (*alone, together)] == [(1, last - 4000), (1, last - 3000), (3, last)]
        assert (together["outcome"], together["reason"], together["score"], together["id"]) == (b"hit", b"exact", 1.0, 1)
        assert (together["query"], together["hit-query"], together["microseconds"]) == (b"a", b"a", None)
        for _ in range(2):
            await peer.ask("MC.GET", "m", "a")
        assert [row["count"] for row in await logged(stored, upkeep)] == [1, 1, 3, 2]
        assert len(await logged(stored, upkeep)) == 4
        assert (await stored.ask("MC.ENTRY", "m", 1))["hits"] == 7

    async def test_beside_lookups_that_are_not_to_be_logged(self, stored, upkeep, tcp):
        peer = await tcp.connect()
        for words in (["MC.GET", "m", "a"], ["MC.GET", "m", "a"], ["MC.GET", "m", "a", "NOLOG"], ["MC.GET", "m", "a", "NOLOG"]):
            assert await peer.ask(*words) == b"1"
        assert [row["count"] for row in await logged(stored, upkeep)] == [1, 1]
        assert (await stored.ask("MC.ENTRY", "m", 1))["hits"] == 4

    async def test_of_an_entry_that_is_gone_by_then(self, stored, upkeep, tcp):
        peer = await tcp.connect()
        for _ in range(4):
            await peer.ask("MC.GET", "m", "a")
        await peer.ask("MC.TRUNCATE", "m")
        assert [row["count"] for row in await logged(stored, upkeep)] == [1, 1, 2]


class TestSample:
    async def test_of_single_lookups(self, stored, upkeep):
        chances = iter([0.24, 0.25, 0.9, 0.0])
        stored.cache.log._chance = lambda: next(chances)
        stored.settings.assign([("log-sample", "0.25")])
        for query in ("a", "similar", "x", "y"):
            await stored.ask("MC.GET", "m", query)
        assert [row["query"] for row in await logged(stored, upkeep)] == [b"a", b"y"]
        assert (await stored.ask("MC.ENTRY", "m", 1))["hits"] == 2

    @pytest.mark.parametrize(("chance", "counts"), [(0.74, [3]), (0.75, [2])])
    async def test_of_the_exact_path(self, stored, upkeep, tcp, chance, counts):
        stored.cache.log._chance = lambda: chance
        peer = await tcp.connect()
        await peer.ask("MC.GET", "m", "a", "NOLOG")
        stored.settings.assign([("log-sample", "0")])
        await peer.ask("MC.GET", "m", "a")
        stored.settings.assign([("log-sample", "0.25")])
        for _ in range(11):
            await peer.ask("MC.GET", "m", "a")
        assert [row["count"] for row in await logged(stored, upkeep)] == counts

    @pytest.mark.parametrize("pair", [("log-sample", "0"), ("log-retention", "0"), ("log-max-rows", "0")])
    async def test_switched_off(self, stored, upkeep, tcp, pair):
        stored.settings.assign([pair])
        peer = await tcp.connect()
        for query in ("a", "a", "a", "similar", "x"):
            await peer.ask("MC.GET", "m", query)
        assert await logged(stored, upkeep) == []
        assert (await stored.ask("MC.ENTRY", "m", 1))["hits"] == 4
        assert (await stored.ask("MC.INFO", "m"))["log-dropped"] == 0


class TestDropped:
    async def test_beyond_the_memory_that_it_may_take(self, stored, upkeep, monkeypatch):
        monkeypatch.setattr(module, "MAX_BYTES", 2 * module.ROW_BYTES)
        for query in "bcdef":
            await stored.ask("MC.GET", "m", query)
        assert [row["query"] for row in await logged(stored, upkeep)] == [b"b", b"c"]
        assert await dropped(stored) == 3
        await stored.ask("MC.GET", "m", "g")
        assert [row["query"] for row in await logged(stored, upkeep)] == [b"b", b"c", b"g"]
        await stored.ask("CONFIG", "RESETSTAT")
        assert await dropped(stored) == 0

    async def test_when_the_store_is_down(self, stored, upkeep, tcp):
        peer = await tcp.connect()
        for query in ("a", "a", "a", "x"):
            await peer.ask("MC.GET", "m", query)
        stored.store.down = True
        with pytest.raises(StoreUnavailable):
            await upkeep.flush()
        assert await dropped(stored) == 4
        stored.store.down = False
        assert await logged(stored, upkeep) == []

    async def test_not_those_that_come_while_others_are_stored(self, stored, upkeep, monkeypatch):
        monkeypatch.setattr(upkeep_module, "FLUSH_ROWS", 2)
        apply, queries = stored.store.apply, iter("cdefg")
        state, verdict = stored.cache.models.find("m"), Verdict("miss", "empty")

        def ask_meanwhile(writes, now):
            for query in islice(queries, 3):
                stored.cache.log.note(state, query, verdict, now=now, microseconds=1)
            return apply(writes, now)

        monkeypatch.setattr(stored.store, "apply", ask_meanwhile)
        await stored.ask("MC.GET", "m", "b")
        await upkeep.flush()
        assert len(stored.cache.log) == 1  # less than a step: that has time
        assert [row["query"] for row in await logged(stored, upkeep)] == [b"b", b"c", b"d", b"e", b"f", b"g"]

    async def test_not_counted_for_a_model_that_is_gone(self, stored, upkeep):
        await stored.ask("MC.GET", "m", "x")
        await stored.ask("MC.DROP", "m")
        stored.store.down = True
        with pytest.raises(StoreUnavailable):
            await upkeep.flush()
        assert b"mc_log_dropped:0" in await stored.ask("INFO", "mc")

    async def test_a_dropped_model_takes_its_count_along(self, stored, monkeypatch):
        monkeypatch.setattr(module, "MAX_BYTES", 0)
        await stored.ask("MC.GET", "m", "x")
        await stored.ask("MC.DROP", "m")
        assert b"mc_log_dropped:1" in await stored.ask("INFO", "mc")


async def dropped(parts: Parts) -> int:
    """What MC.INFO says; INFO says the same."""
    count = (await parts.ask("MC.INFO", "m"))["log-dropped"]
    assert b"mc_log_dropped:%d\r\n" % count in await parts.ask("INFO", "mc_stats")
    return count


class TestPruning:
    async def test_what_is_too_old(self, stored, upkeep):
        stored.settings.assign([("log-retention", "10")])
        for _ in range(3):
            await stored.ask("MC.GET", "m", "x")
            await upkeep.flush()
            stored.clock.seconds += 5
        await upkeep.prune()
        assert [row["time"] for row in await logged(stored, upkeep)] == [stored.clock.milliseconds - 5000]

    async def test_what_is_too_much_in_steps(self, stored, upkeep, monkeypatch):
        monkeypatch.setattr(upkeep_module, "PRUNE_ROWS", 2)
        for number in range(7):
            await stored.ask("MC.GET", "m", f"q{number}")
        await upkeep.flush()
        stored.settings.assign([("log-max-rows", "2")])
        await upkeep.prune()
        assert [row["query"] for row in await logged(stored, upkeep)] == [b"q5", b"q6"]

    async def test_all_where_nothing_is_kept(self, stored, upkeep):
        await stored.ask("MC.GET", "m", "x")
        await upkeep.flush()
        stored.settings.assign([("log-retention", "0")])
        await upkeep.prune()
        assert await logged(stored, upkeep) == []


def test_memory_is_given_back():
    log = LookupLog(Settings())
    assert (len(log), log.take(5), log.tally([])) == (0, [], [])
