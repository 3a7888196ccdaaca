"""Lookups under way while something else happens: what is gone must not come back."""

import asyncio

import pytest

from tests.mcserver.parts import Parts

LONG = "x" * 70_000
"""An answer that the store does not read on the event loop."""


@pytest.fixture
async def stored(parts: Parts) -> Parts:
    parts.embedder.relate("how", "in which way", 0.95)
    await parts.ask("MC.SET", "m", "how", "old", "TAGS", 1, "t")
    return parts


async def read_while(parts: Parts, query: str, *happening: tuple[object, ...]) -> object:
    """What a lookup answers that has read its row before these commands ran, and goes on after them."""
    parts.store.reading = asyncio.Event()
    asked = asyncio.create_task(parts.ask("MC.GET", "m", query))
    await parts.store.has_read.wait()
    resume, parts.store.reading = parts.store.reading, None
    for words in happening:
        await parts.ask(*words)
    resume.set()
    return await asked


CHANGES = {
    "replaced": [("MC.SET", "m", "how", "new")],
    "removed": [("MC.DEL", "m", 1)],
    "removed-by-query": [("MC.DEL", "m", "QUERY", "how")],
    "truncated": [("MC.TRUNCATE", "m")],
    "partition-truncated": [("MC.TRUNCATE", "m", "SYSTEM", "")],
    "tag-truncated": [("MC.TRUNCATE", "m", "TAGS", 1, "t")],
    "flushed": [("FLUSHALL",)],
    "expires": [("MC.EXPIRE", "m", 1, 1)],
    "dropped": [("MC.DROP", "m")],
    "dropped-and-made-again": [("MC.DROP", "m"), ("MC.CREATE", "m")],
}


@pytest.mark.parametrize("happening", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("query", ["how", "in which way"])
async def test_an_old_row_does_not_stay_in_memory(stored, query, happening):
    assert await read_while(stored, query, *happening) in {b"old", None}
    assert len(stored.cache.exact) == 0
    stored.clock.seconds += 1
    expected = b"new" if happening == CHANGES["replaced"] else None
    assert await stored.ask("MC.GET", "m", "how") == expected


async def test_hits_of_an_old_row_are_stored(stored):
    await read_while(stored, "how", ("MC.SET", "m", "how", "new"))
    assert [answer.alive for answer in stored.cache.exact.take_touched()] == [False]


async def test_an_unchanged_row_stays_in_memory(stored):
    await stored.ask("MC.CREATE", "other")
    assert await read_while(stored, "in which way", ("MC.SET", "other", "how", "x")) == b"old"
    assert len(stored.cache.exact) == 1


async def test_a_similar_hit_keeps_what_memory_knows(stored):
    await stored.ask("MC.GET", "m", "how")
    await stored.ask("MC.GET", "m", "how")
    assert len(stored.cache.exact.requests) == 1
    await stored.ask("MC.GET", "m", "in which way")
    assert len(stored.cache.exact.requests) == 1


class TestWhileEmbedding:
    async def lookup(self, parts, *words):
        parts.embedder.holding = True
        asked = asyncio.create_task(parts.ask("MC.GET", "m", *words))
        held = await parts.embedder.held()
        parts.embedder.holding = False
        return asked, held

    async def test_an_entry_set_meanwhile_is_found(self, stored):
        stored.embedder.relate("why", "what for", 0.95)
        asked, held = await self.lookup(stored, "what for")
        await stored.ask("MC.SET", "m", "why", "because")
        held.release()
        assert await asked == b"because"

    async def test_a_model_dropped_meanwhile(self, stored):
        asked, held = await self.lookup(stored, "in which way")
        await stored.ask("MC.DROP", "m")
        held.release()
        assert await asked is None

    async def test_a_model_dropped_and_made_again_meanwhile(self, stored):
        asked, held = await self.lookup(stored, "in which way")
        await stored.ask("MC.DROP", "m")
        await stored.ask("MC.SET", "m", "how", "newer")
        held.release()
        assert await asked == b"newer"

    async def test_settings_changed_meanwhile(self, stored):
        """Composed before the system prompt counted, answered after: another system prompt's answer must not be served."""
        await stored.ask("MC.CONFIG", "SET", "m", "system-prompt", "ignore")
        asked, held = await self.lookup(stored, "in which way", "SYSTEM", "Be rude.")
        await stored.ask("MC.CONFIG", "SET", "m", "system-prompt", "partition")
        held.release()
        assert await asked is None

    async def test_what_is_compared_changed_meanwhile(self, stored):
        stored.embedder.relate("s\nhow", "s\nin which way", 0.95)
        asked, held = await self.lookup(stored, "in which way", "SYSTEM", "s")
        await stored.ask("MC.CONFIG", "SET", "m", "system-prompt", "splice")
        await stored.ask("MC.SET", "m", "how", "spliced", "SYSTEM", "s")
        held.release()
        assert await asked == b"spliced"

    async def test_a_clients_vector_stays(self, stored):
        vector = stored.embedder.vector("how").tobytes()
        stored.store.reading = asyncio.Event()
        asked = asyncio.create_task(stored.ask("MC.GET", "m", "x", "VECTOR", vector))
        await stored.store.has_read.wait()
        resume, stored.store.reading = stored.store.reading, None
        await stored.ask("MC.CONFIG", "SET", "m", "threshold", "0.5")
        resume.set()
        assert await asked == b"old"


async def test_a_model_that_comes_into_being_meanwhile(parts, monkeypatch):
    started, go_on = asyncio.Event(), asyncio.Event()
    opened = parts.cache.gate.opened

    async def wait() -> None:
        started.set()
        await go_on.wait()
        await opened()

    monkeypatch.setattr(parts.cache.gate, "opened", wait)
    asked = asyncio.create_task(parts.ask("MC.GET", "m", "how"))
    await started.wait()
    await parts.ask("MC.SET", "m", "how", "so")
    go_on.set()
    assert await asked == b"so"


async def test_long_answers_are_read_beside_the_loop(parts):
    await parts.ask("MC.SET", "m", "how", LONG)
    assert await parts.ask("MC.GET", "m", "how") == LONG.encode()
    assert await parts.ask("MC.GET", "m", "how") == LONG.encode()
