"""The contract of the query log and of the ranking of entries, for every back end."""

from dataclasses import replace

import pytest

from storage.records import (
    Delete,
    DropModel,
    Log,
    LoggedLookup,
    Model,
    Outcome,
    PruneLog,
    Ranking,
    Touch,
    Truncate,
    UsefulEntry,
)
from storage.seams import EntryStore
from tests.storage.entry_stores import Connect, create, put

ALL = 1000


def lookup(model: Model, time: int, **changes: object) -> LoggedLookup:
    return replace(LoggedLookup(model.id, time, "miss", "empty", f"question {time}"), **changes)  # type: ignore[arg-type]


async def log(store: EntryStore, *lookups: LoggedLookup) -> None:
    assert await store.apply([Log(lookups)], 1) == [Outcome(count=len(lookups))]


async def times(store: EntryStore, model: Model, *, count: int = ALL, outcome: str | None = None, after: int | None = None) -> list[int]:
    return [row.time for row in await store.lookups(model.id, count=count, outcome=outcome, after=after)]


class TestRows:
    async def test_come_back_as_they_were(self, store: EntryStore, model: Model) -> None:
        rows = [
            LoggedLookup(model.id, 5, "hit", "similar", "it's 100% 模型\0", "another", 0.75, 1 << 40, 1234, 1),
            LoggedLookup(model.id, 6, "hit", "exact", "", "", 1.0, 2, None, 1 << 40),
            LoggedLookup(model.id, 7, "miss", "empty", "nothing"),
        ]
        await log(store, *rows)
        found = await store.lookups(model.id, count=ALL)
        assert [replace(row, id=0) for row in found] == rows[::-1]
        assert found[0].id > found[1].id > found[2].id > 0

    async def test_none(self, store: EntryStore, model: Model) -> None:
        await log(store)
        assert await store.lookups(model.id, count=ALL) == []
        assert await store.lookups(model.id, count=ALL, after=0) == []

    async def test_newest_or_after_a_cursor(self, store: EntryStore, model: Model) -> None:
        await log(store, *(lookup(model, time) for time in range(1, 7)))
        assert await times(store, model, count=3) == [6, 5, 4]
        cursor = (await store.lookups(model.id, count=ALL))[-2].id
        assert await times(store, model, after=cursor, count=2) == [3, 4]
        assert await times(store, model, after=0) == [1, 2, 3, 4, 5, 6]
        assert await times(store, model, after=(1 << 63) - 1) == []

    async def test_by_outcome(self, store: EntryStore, model: Model) -> None:
        await log(store, *(lookup(model, time, outcome=("hit", "miss", "unsure")[time % 3]) for time in range(9)))
        assert await times(store, model, outcome="hit") == [6, 3, 0]
        assert await times(store, model, outcome="unsure", count=2) == [8, 5]
        cursor = (await store.lookups(model.id, count=1, outcome="hit", after=0))[0].id
        assert await times(store, model, outcome="hit", after=cursor) == [3, 6]
        assert await times(store, model, outcome="' OR 1") == []

    async def test_of_their_own_model_alone(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        await log(store, lookup(model, 1), lookup(other, 2), lookup(model, 3))
        assert await times(store, model) == [3, 1]
        assert await times(store, other) == [2]

    async def test_outlive_a_restart_and_cursors_go_on(self, connect_entries: Connect) -> None:
        store = connect_entries()
        await store.open()
        model = await create(store)
        await log(store, lookup(model, 1))
        [first] = await store.lookups(model.id, count=ALL)
        await store.apply([PruneLog(before=1, keep=ALL, limit=ALL)], 1)
        await store.close()
        store = connect_entries()
        await store.open()
        await log(store, lookup(model, 2))
        assert await times(store, model, after=first.id) == [2]
        await store.close()


class TestModels:
    async def test_a_truncation_leaves_it(self, store: EntryStore, model: Model) -> None:
        [stored] = await store.apply([put(model, 1, tags=("t",))], 1)
        await log(store, lookup(model, 1, entry_id=stored.id))
        await store.apply([Truncate(model.id, tags=("t",))], 2)
        await store.apply([Truncate(model.id)], 2)
        await log(store, lookup(model, 2))
        assert await times(store, model) == [2, 1]

    async def test_a_dropped_one_takes_it_along(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        await log(store, *(lookup(model, time) for time in range(ALL)), lookup(other, 7))
        [outcome] = await store.apply([DropModel(model.id)], 2)
        assert outcome == Outcome(id=model.id, count=0, cleared=True)
        assert await store.lookups(model.id, count=ALL) == []
        again = await create(store, model.name)
        assert await store.lookups(again.id, count=ALL) == []
        assert await times(store, other) == [7]

    async def test_rows_of_one_that_is_gone_are_passed_over(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        await store.apply([DropModel(model.id)], 2)
        [outcome] = await store.apply([Log((lookup(model, 1), lookup(other, 2), lookup(model, 3)))], 3)
        assert outcome == Outcome(count=1)
        assert await times(store, other) == [2]


class TestUnits:
    async def test_rows_and_counters_together_or_not_at_all(self, store: EntryStore, model: Model) -> None:
        [stored] = await store.apply([put(model, 1)], 1)
        assert stored.id is not None
        unstorable = lookup(model, 2, query="\ud800")
        with pytest.raises(ValueError, match="surrogates"):
            await store.apply([Touch(((stored.id, 1, 2),)), Log((lookup(model, 1), unstorable))], 2)
        [entry] = await store.get(model.id, [stored.id])
        assert entry is not None
        assert (entry.hits, await times(store, model)) == (0, [])


class TestPruning:
    async def test_by_time(self, store: EntryStore, model: Model) -> None:
        await log(store, *(lookup(model, time) for time in range(1, 7)))
        assert await store.apply([PruneLog(before=4, keep=ALL, limit=ALL)], 9) == [Outcome(count=4)]
        assert await times(store, model) == [6, 5]
        assert await store.apply([PruneLog(before=4, keep=ALL, limit=ALL)], 9) == [Outcome()]

    async def test_by_number(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        await log(store, *(lookup((model, other)[time % 2], time) for time in range(6)))
        assert await store.apply([PruneLog(before=-1, keep=3, limit=ALL)], 9) == [Outcome(count=3)]
        assert (await times(store, model), await times(store, other)) == ([4], [5, 3])
        assert await store.apply([PruneLog(before=-1, keep=0, limit=ALL)], 9) == [Outcome(count=3)]
        assert await store.apply([PruneLog(before=-1, keep=0, limit=ALL)], 9) == [Outcome()]

    async def test_in_steps(self, store: EntryStore, model: Model) -> None:
        await log(store, *(lookup(model, time) for time in range(5)))
        step = PruneLog(before=3, keep=ALL, limit=2)
        assert [(await store.apply([step], 9))[0].count for _ in range(3)] == [2, 2, 0]
        assert await times(store, model) == [4]

    async def test_what_a_clock_set_back_left_out_of_order(self, store: EntryStore, model: Model) -> None:
        await log(store, *(lookup(model, time) for time in (5, 1, 6)))
        await store.apply([PruneLog(before=2, keep=ALL, limit=ALL)], 9)
        assert await times(store, model) == [6, 5]


class TestTop:
    async def test_by_hits_and_by_what_they_saved(self, store: EntryStore, model: Model) -> None:
        metas = ['{"tokens":10,"cost":0.5}', "", '{"tokens":100}', '{"tokens":"7","cost":true}', '{"tokens":1.5,"cost":2}']
        ids = [outcome.id or 0 for outcome in await store.apply([put(model, n, meta=meta) for n, meta in enumerate(metas)], 1)]
        hits = (4, 9, 1, 2, 3)
        await store.apply([Touch(tuple((entry_id, n, 50 + n) for entry_id, n in zip(ids, hits, strict=True)))], 50)
        expected = [
            UsefulEntry(ids[0], "question 0", 4, 54, 40, 2.0),
            UsefulEntry(ids[1], "question 1", 9, 59, 0, 0.0),
            UsefulEntry(ids[2], "question 2", 1, 51, 100, 0.0),
            UsefulEntry(ids[3], "question 3", 2, 52, 0, 0.0),
            UsefulEntry(ids[4], "question 4", 3, 53, 0, 6.0),
        ]
        assert await store.top(model.id, count=ALL, by=Ranking.HITS) == [expected[n] for n in (1, 0, 4, 3, 2)]
        assert await store.top(model.id, count=ALL, by=Ranking.SAVED) == [expected[n] for n in (2, 0, 4, 1, 3)]
        assert await store.top(model.id, count=2, by=Ranking.SAVED) == [expected[2], expected[0]]
        async with store.transaction() as transaction:
            await transaction.apply([Touch(((ids[3], 100, 99),))], 99)
            assert [entry.hits for entry in await transaction.top(model.id, count=2, by=Ranking.HITS)] == [102, 9]

    async def test_numbers_too_long_for_the_store(self, store: EntryStore, model: Model) -> None:
        [stored] = await store.apply([put(model, 1, meta=f'{{"tokens":{10**30},"cost":1e300}}')], 1)
        assert stored.id is not None
        await store.apply([Touch(((stored.id, 2, 1),))], 1)
        [entry] = await store.top(model.id, count=1, by=Ranking.SAVED)
        assert (entry.tokens_saved, entry.cost_saved) == (pytest.approx(2 * 10**30), 2e300)

    async def test_only_what_is_there_and_was_served(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        writes = [put(model, 1), put(model, 2, expires=100), put(model, 3), put(model, 4), put(other, 5)]
        ids = [outcome.id or 0 for outcome in await store.apply(writes, 1)]
        await store.apply([Touch(tuple((entry_id, 1, 1) for entry_id in (*ids[:3], ids[4])))], 1)
        await store.apply([Delete(model.id, (ids[2],))], 1)
        assert [entry.id for entry in await store.top(model.id, count=ALL, by=Ranking.HITS, now=99)] == ids[:2]
        assert [entry.id for entry in await store.top(model.id, count=ALL, by=Ranking.HITS, now=100)] == ids[:1]
        await store.apply([Truncate(model.id)], 1)
        assert await store.top(model.id, count=ALL, by=Ranking.HITS) == []
        assert await store.top(4711, count=ALL, by=Ranking.HITS) == []
