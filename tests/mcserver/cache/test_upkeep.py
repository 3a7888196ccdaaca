"""Hit counters, expired entries, the index: what goes on beside the requests."""

import asyncio
import logging

import pytest

from mcserver.cache import upkeep as module
from mcserver.cache.upkeep import Upkeep
from storage.errors import StoreUnavailable
from tests.mcserver.parts import Parts


@pytest.fixture
def upkeep(parts: Parts) -> Upkeep:
    return Upkeep(parts.cache, parts.settings, parts.context.statistics)


class TestHits:
    async def test_stored(self, parts, upkeep):
        await parts.ask("MC.SET", "m", "a", "1")
        for _ in range(3):
            await parts.ask("MC.GET", "m", "a")
        await upkeep.flush()
        entry = await parts.ask("MC.ENTRY", "m", 1)
        assert (entry["hits"], entry["last-hit"]) == (3, parts.clock.milliseconds)
        assert (await parts.verdict("m", "a"))["hits"] == 4
        await upkeep.flush()
        await upkeep.flush()
        assert (await parts.ask("MC.ENTRY", "m", 1))["hits"] == 4

    async def test_of_an_entry_that_is_gone(self, parts, upkeep):
        await parts.ask("MC.SET", "m", "a", "1")
        await parts.ask("MC.GET", "m", "a")
        await parts.ask("MC.DEL", "m", 1)
        await upkeep.flush()
        assert parts.context.statistics.touches_dropped == 0

    async def test_many_in_steps(self, parts, upkeep, monkeypatch):
        monkeypatch.setattr(module, "FLUSH_ROWS", 2)
        for number in range(5):
            await parts.ask("MC.SET", "m", f"q{number}", "1")
            await parts.ask("MC.GET", "m", f"q{number}")
        await upkeep.flush()
        assert [(await parts.ask("MC.ENTRY", "m", number))["hits"] for number in range(1, 6)] == [1] * 5

    @pytest.mark.parametrize(
        ("meta", "tokens", "cost"),
        [
            ("{}", 0, 0),
            ('{"tokens": 7, "cost": 0.25}', 14, 0.5),
            ('{"tokens": 1.5, "cost": 2}', 0, 4),
            ('{"tokens": true, "cost": true}', 0, 0),
            ('{"tokens": "7", "cost": null}', 0, 0),
        ],
    )
    async def test_what_they_saved(self, parts, upkeep, meta, tokens, cost):
        await parts.ask("MC.SET", "m", "a", "1", "META", meta)
        for _ in range(2):
            await parts.ask("MC.GET", "m", "a")
        await upkeep.flush()
        assert (parts.statistics("m").tokens_saved, parts.statistics("m").cost_saved) == (tokens, cost)

    async def test_dropped_ones_are_counted(self, parts, upkeep):
        await parts.ask("MC.SET", "m", "a", "1")
        await parts.ask("MC.GET", "m", "a")
        parts.store.down = True
        with pytest.raises(StoreUnavailable):
            await upkeep.flush()
        assert parts.context.statistics.touches_dropped == 1

    async def test_a_failed_write_drops_no_more_than_it_had(self, parts, upkeep, monkeypatch):
        monkeypatch.setattr(module, "FLUSH_ROWS", 2)
        for number in range(5):
            await parts.ask("MC.SET", "m", f"q{number}", "1")
            await parts.ask("MC.GET", "m", f"q{number}")
        parts.store.down = True
        with pytest.raises(StoreUnavailable):
            await upkeep.flush()
        parts.store.down = False
        await upkeep.flush()
        hits = [(await parts.ask("MC.ENTRY", "m", number))["hits"] for number in range(1, 6)]
        assert sorted(hits) == [0, 0, 1, 1, 1]
        assert parts.context.statistics.touches_dropped == 2

    async def test_a_stop_in_the_middle_of_a_flush_loses_none(self, parts, upkeep, monkeypatch):
        monkeypatch.setattr(module, "FLUSH_ROWS", 2)
        monkeypatch.setattr(module, "FLUSH_SECONDS", 0)
        for number in range(5):
            await parts.ask("MC.SET", "m", f"q{number}", "1")
            await parts.ask("MC.GET", "m", f"q{number}")
        began, apply = asyncio.Event(), parts.store.apply

        def hold(writes, now):
            applied = apply(writes, now)
            began.set()
            return asyncio.gather(applied, asyncio.Event().wait())

        with monkeypatch.context() as patch:
            patch.setattr(parts.store, "apply", hold)
            upkeep.start()
            await asyncio.wait_for(began.wait(), 30)
            assert len(parts.cache.exact.touched) == 3
        await upkeep.stop()
        assert [(await parts.ask("MC.ENTRY", "m", number))["hits"] for number in range(1, 6)] == [1] * 5
        assert len(await parts.ask("MC.LOG", "m")) == 5


class TestSweep:
    async def test_expired_ones_stay_while_it_is_switched_off(self, parts, upkeep):
        await parts.ask("MC.SET", "m", "a", "1", "EX", 5)
        parts.clock.seconds += 6
        for sweeping, removed in ((False, 0), (True, 1)):
            parts.cache.sweeping = sweeping
            await upkeep.sweep()
            assert parts.context.statistics.expired == removed
            assert await parts.ask("MC.GET", "m", "a") is None

    async def test_expired_ones_go(self, parts, upkeep, monkeypatch):
        monkeypatch.setattr(module, "SWEEP_ROWS", 2)
        for number in range(5):
            await parts.ask("MC.SET", "mn"[number % 2], f"q{number}", "1", "EX", 10)
        await parts.ask("MC.SET", "m", "stays", "1")
        await upkeep.sweep()
        assert parts.index.vectors == 6
        parts.clock.seconds += 10
        await upkeep.sweep()
        assert (parts.index.vectors, parts.context.statistics.expired) == (1, 5)
        assert (await parts.ask("MC.INFO", "m"))["entries"] == 1

    async def test_it_makes_good_what_a_failed_transaction_left(self, parts, upkeep):
        parts.store.commit_fails = parts.store.down_after_commit = True
        await parts.ask("MC.SET", "m", "a", "1")
        assert len(parts.cache.models) == 1
        with pytest.raises(StoreUnavailable):
            await upkeep.sweep()
        parts.store.down = False
        await upkeep.sweep()
        assert len(parts.cache.models) == 0

    async def test_not_while_a_transaction_is_under_way(self, parts, upkeep):
        parts.store.committing = asyncio.Event()
        setting = asyncio.create_task(parts.ask("MC.SET", "m", "a", "1"))
        await parts.store.at_commit.wait()
        sweeping = asyncio.create_task(upkeep.sweep())
        await parts.store.models()
        assert len(parts.cache.models) == 1
        parts.store.committing.set()
        assert await setting == b"OK"
        await sweeping
        assert await parts.ask("MC.GET", "m", "a") == b"1"


class TestCheck:
    @pytest.mark.parametrize(("interval", "checks"), [("0", 0), ("60", 1)])
    async def test_unless_switched_off(self, parts, upkeep, monkeypatch, interval, checks):
        calls = []

        async def check() -> int:
            calls.append(1)
            return 0

        monkeypatch.setattr(parts.index, "check", check)
        parts.settings.assign([("index-check-interval", interval)])
        await upkeep.check()
        assert len(calls) == checks


class TestRunning:
    @pytest.fixture
    def quick(self, monkeypatch):
        monkeypatch.setattr(module, "FLUSH_SECONDS", 0)
        monkeypatch.setattr(module, "SWEEP_SECONDS", 0)
        monkeypatch.setattr(module, "CHECK_SECONDS", 0)

    async def test_again_and_again_and_once_more_at_the_end(self, parts, upkeep, quick, monkeypatch):
        parts.settings.assign([("index-check-interval", "0")])
        looked = asyncio.Queue()
        expired = parts.store.expired

        async def look(now, *, limit):
            looked.put_nowait(now)
            return await expired(now, limit=limit)

        monkeypatch.setattr(parts.store, "expired", look)
        upkeep.start()
        for _ in range(3):
            await asyncio.wait_for(looked.get(), 30)
        await parts.ask("MC.SET", "m", "a", "1")
        await parts.ask("MC.GET", "m", "a")
        await upkeep.stop()
        assert (await parts.ask("MC.ENTRY", "m", 1))["hits"] == 1

    async def test_goes_on_when_the_store_is_down(self, parts, upkeep, quick, monkeypatch, caplog):
        looked = asyncio.Queue()

        async def look(now, *, limit):
            looked.put_nowait(now)
            raise StoreUnavailable("the store is down")

        monkeypatch.setattr(parts.store, "expired", look)
        upkeep.start()
        for _ in range(2):
            await asyncio.wait_for(looked.get(), 30)
        await upkeep.stop()
        assert "event=upkeep-failed work=sweep error='the store is down'" in caplog.messages

    async def test_what_ends_by_itself_is_told(self, parts, upkeep, quick, monkeypatch, caplog):
        ended = asyncio.Event()

        class Listener(logging.Handler):
            def emit(self, record):
                ended.set()

        async def fail(now, *, limit):
            raise ZeroDivisionError

        monkeypatch.setattr(parts.store, "expired", fail)
        logging.getLogger("mcserver").addHandler(listener := Listener())
        try:
            upkeep.start()
            await asyncio.wait_for(ended.wait(), 30)
            await upkeep.stop()
        finally:
            logging.getLogger("mcserver").removeHandler(listener)
        assert "event=upkeep-ended" in caplog.messages
