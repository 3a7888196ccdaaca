"""Any series of writes leaves every back end as it leaves a dictionary."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.records import Condition, Delete, DeleteExact, Expire, Model, Outcome, Put, Removed, Touch, Truncate, Usage, Write
from storage.seams import EntryStore
from tests.storage.entry_stores import BACK_ENDS, OTHER_PARTITION, PARTITION, Connect, create, vector

Slot = tuple[int, bytes, bytes]


@dataclass
class Row:
    id: int
    put: Put
    created: int
    expires: int
    hits: int = 0
    last_hit: int = 0


@dataclass
class Reference:
    """What an entry store does, on a dictionary; ids are taken over from the store."""

    rows: dict[Slot, Row] = field(default_factory=dict)

    def check_unit(self, writes: Sequence[Write], outcomes: Sequence[Outcome], now: int) -> None:
        """A unit with a write that its condition forbids does nothing at all."""
        conditional = any(isinstance(write, Put) and write.condition is not Condition.ALWAYS for write in writes)
        if conditional and all(outcome == Outcome() for outcome in outcomes):
            # Ids given and deleted inside the unit are not known here.
            assert self._forbidden(writes, now) or any(isinstance(write, Delete) for write in writes)
            return
        for write, outcome in zip(writes, outcomes, strict=True):
            self.check(write, outcome, now)

    def _forbidden(self, writes: Sequence[Write], now: int) -> bool:
        live = {slot for slot, row in self.rows.items() if not 0 < row.expires <= now}
        for write in writes:
            slot = (write.model_id, write.partition, write.exact_key) if isinstance(write, Put | DeleteExact) else None
            if isinstance(write, Put) and write.condition is (Condition.ABSENT if slot in live else Condition.PRESENT):
                return True
            if isinstance(write, Put) and not 0 < write.expires <= now:
                live.add(slot)
            elif isinstance(write, Put | DeleteExact):
                live.discard(slot)
            elif isinstance(write, Expire) and 0 < write.expires <= now:
                live.discard(self._by_id(write.model_id, write.id))
            elif isinstance(write, Truncate):
                live -= {slot for slot in live if slot[0] == write.model_id and write.partition in (None, slot[1]) and not write.tags}
                if write.tags:
                    return True  # which rows carry the tags is not followed here
        return False

    def check(self, write: Write, outcome: Outcome, now: int) -> None:
        match write:
            case Put():
                self._put(write, outcome, now)
            case Delete():
                gone = [self._by_id(write.model_id, entry_id) for entry_id in dict.fromkeys(write.ids)]
                assert outcome.removed == self._remove([slot for slot in gone if slot])
            case DeleteExact():
                slot = (write.model_id, write.partition, write.exact_key)
                assert outcome.removed == self._remove([slot] if slot in self.rows else [])
            case Truncate():
                self._truncate(write, outcome)
            case Expire():
                self._expire(write, outcome, now)
            case Touch():
                self._touch(write, outcome)

    def _put(self, write: Put, outcome: Outcome, now: int) -> None:
        slot = (write.model_id, write.partition, write.exact_key)
        row = self.rows.get(slot)
        live = row is not None and not 0 < row.expires <= now
        assert write.condition is not (Condition.ABSENT if live else Condition.PRESENT)
        assert outcome.id is not None
        assert outcome.count == 1
        if row is not None and live:
            assert (outcome.id, outcome.removed) == (row.id, ())
            self.rows[slot] = replace(row, put=write, created=now, expires=write.expires)
        else:
            assert outcome.removed == self._remove([slot] if row else [])
            assert outcome.id not in {row.id for row in self.rows.values()}
            self.rows[slot] = Row(outcome.id, write, now, write.expires)

    def _truncate(self, write: Truncate, outcome: Outcome) -> None:
        slots = [
            slot
            for slot, row in self.rows.items()
            if slot[0] == write.model_id and write.partition in (None, slot[1]) and set(write.tags) <= set(row.put.tags)
        ]
        removed = self._remove(slots)
        assert outcome.count == len(removed)
        assert outcome.cleared == (not write.tags)
        assert sorted(map(repr, outcome.removed)) == (sorted(map(repr, removed)) if write.tags else [])

    def _expire(self, write: Expire, outcome: Outcome, now: int) -> None:
        slot = self._by_id(write.model_id, write.id)
        row = self.rows[slot] if slot is not None else None
        changed = row is not None and not 0 < row.expires <= now and bool(write.expires or row.expires)
        assert outcome == (Outcome(id=write.id, count=1) if changed else Outcome())
        if slot is not None and changed:
            self.rows[slot].expires = write.expires

    def _touch(self, write: Touch, outcome: Outcome) -> None:
        by_id = {row.id: row for row in self.rows.values()}
        known = [hit for hit in write.hits if hit[0] in by_id]
        assert outcome.count == len(known)
        for entry_id, hits, last_hit in known:
            by_id[entry_id].hits += hits
            by_id[entry_id].last_hit = max(by_id[entry_id].last_hit, last_hit)

    def _by_id(self, model_id: int, entry_id: int) -> Slot | None:
        return next((slot for slot, row in self.rows.items() if slot[0] == model_id and row.id == entry_id), None)

    def _remove(self, slots: Sequence[Slot]) -> tuple[Removed, ...]:
        return tuple(Removed(self.rows.pop(slot).id, *slot[1:]) for slot in slots)


MODELS, IDS, TIMES = st.integers(1, 2), st.integers(1, 12), st.integers(0, 6)
PARTITIONS, KEYS = st.sampled_from([PARTITION, OTHER_PARTITION]), st.sampled_from([b"k" * 16, b"l" * 16, bytes(16)])
TAGS = st.lists(st.sampled_from(["a", "b", "中"]), max_size=3).map(tuple)
TEXT = st.text(max_size=8)
VECTORS = st.integers(0, 3).map(vector)
PUTS = st.builds(
    Put,
    model_id=MODELS,
    partition=PARTITIONS,
    exact_key=KEYS,
    query=TEXT,
    answer=st.binary(max_size=8),
    vector=VECTORS,
    context_vector=st.none() | VECTORS,
    meta=TEXT,
    tags=TAGS,
    expires=TIMES,
    condition=st.sampled_from(Condition),
)
WRITES: st.SearchStrategy[Write] = st.one_of(
    PUTS,
    PUTS,
    PUTS,
    st.builds(Delete, MODELS, st.lists(IDS, max_size=3).map(tuple)),
    st.builds(DeleteExact, MODELS, PARTITIONS, KEYS),
    st.builds(Truncate, MODELS, st.none() | PARTITIONS, TAGS),
    st.builds(Expire, MODELS, IDS, TIMES),
    st.builds(Touch, st.lists(st.tuples(IDS, st.integers(1, 3), TIMES), max_size=3).map(tuple)),
)
UNITS = st.lists(st.tuples(st.lists(WRITES, max_size=4), TIMES), max_size=12)


@pytest.mark.parametrize("back_end", BACK_ENDS, ids=lambda back_end: back_end.__name__)
@given(units=UNITS)
@settings(max_examples=40, deadline=None)
def test_like_a_dictionary(back_end: Callable[[Path], Connect], units: list[tuple[list[Write], int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_compare(back_end(Path(folder)), units))


async def _compare(connect: Connect, units: list[tuple[list[Write], int]]) -> None:
    async with AsyncExitStack() as opened:
        await _compare_within(opened, connect, units)


async def _compare_within(opened: AsyncExitStack, connect: Connect, units: list[tuple[list[Write], int]]) -> None:
    store = connect()
    await store.open()
    opened.push_async_callback(store.close)
    models = [await create(store, "one"), await create(store, "two")]
    # Queued without waiting, so that they are committed in groups.
    pending = [store.apply(writes, now) for writes, now in units]
    reference = Reference()
    for (writes, now), outcomes in zip(units, await asyncio.gather(*pending), strict=True):
        reference.check_unit(writes, outcomes, now)
    await _check_state(store, models, reference)
    await store.close()
    again = connect()
    await again.open()
    opened.push_async_callback(again.close)
    await _check_state(again, models, reference)


async def _check_state(store: EntryStore, models: list[Model], reference: Reference) -> None:
    for model in models:
        rows = sorted((row for slot, row in reference.rows.items() if slot[0] == model.id), key=lambda row: row.id)
        assert await store.scan(model.id, 0, count=100) == (0, [row.id for row in rows])
        entries = await store.get(model.id, [row.id for row in rows])
        found = await store.find(model.id, [(row.put.partition, row.put.exact_key) for row in rows])
        assert [entry and entry.id for entry in found] == [row.id for row in rows]
        for entry, row in zip(entries, rows, strict=True):
            assert entry is not None
            assert (entry.query, entry.answer, entry.meta) == (row.put.query, row.put.answer, row.put.meta)
            assert entry.tags == tuple(sorted(set(row.put.tags)))
            assert repr(entry.context_vector) == repr(row.put.context_vector)
            assert (entry.created, entry.expires, entry.hits, entry.last_hit) == (row.created, row.expires, row.hits, row.last_hit)
        assert await store.usage(model.id) == _usage(rows)
        for partition in (PARTITION, OTHER_PARTITION):
            inside = [row for row in rows if row.put.partition == partition]
            stored = [part.vectors for part in store.source().vectors(model.id, partition)]
            expected = np.array([row.put.vector for row in inside]).reshape(-1, 4)
            np.testing.assert_array_equal(np.concatenate([np.empty((0, 4)), *stored]), expected)


def _usage(rows: list[Row]) -> Usage:
    size = sum(
        len(row.put.query.encode()) + len(row.put.answer) + len(row.put.meta.encode()) + 16 * (1 + (row.put.context_vector is not None))
        for row in rows
    )
    return Usage(len(rows), size, len({row.put.partition for row in rows}))
