"""The contract of EntryStore, for every back end: units, transactions, and the view that a vector index is built from."""

import asyncio

import numpy as np
import pytest

from storage.errors import StoreUnavailable
from storage.records import Condition, Delete, DropModel, Model, Outcome, PartitionVectors, Touch, Truncate
from storage.seams import EntryStore
from tests.storage.entry_stores import DIMENSION, OTHER_PARTITION, PARTITION, Connect, create, key, put, vector

# Fails wherever it stands in a unit: no store can keep it.
UNSTORABLE = {"query": "lone surrogate \ud800"}


class TestUnits:
    async def test_sync_changes_nothing(self, store: EntryStore, model: Model) -> None:
        await store.sync()
        applied = store.apply([put(model, 1)], 1)
        await store.sync()
        await applied
        await store.sync()
        [entry] = await store.find(model.id, [(PARTITION, key(1))])
        assert entry is not None

    async def test_all_or_nothing(self, store: EntryStore, model: Model) -> None:
        with pytest.raises(ValueError, match="surrogates not allowed"):
            await store.apply([put(model, 1, tags=("t",)), put(model, 2, **UNSTORABLE)], 1)
        assert await store.find(model.id, [(PARTITION, key(1)), (PARTITION, key(2))]) == [None, None]
        assert (await store.usage(model.id)).entries == 0
        assert store.source().partitions() == []

    async def test_a_failing_unit_fails_only_its_caller(self, store: EntryStore, model: Model) -> None:
        units = [store.apply([put(model, i, **(UNSTORABLE if i == 5 else {}))], 1) for i in range(10)]
        results = await asyncio.gather(*units, return_exceptions=True)
        assert [isinstance(result, ValueError) for result in results] == [i == 5 for i in range(10)]
        found = await store.find(model.id, [(PARTITION, key(i)) for i in range(10)])
        assert [entry is None for entry in found] == [i == 5 for i in range(10)]

    @pytest.mark.parametrize(("number", "condition"), [(1, Condition.ABSENT), (9, Condition.PRESENT)])
    async def test_a_condition_forbids_the_whole_unit(self, store: EntryStore, model: Model, number: int, condition: Condition) -> None:
        await store.apply([put(model, 1)], 1)
        writes = [put(model, 2), put(model, number, condition=condition), put(model, 3)]
        assert await store.apply(writes, 1) == [Outcome()] * 3
        assert (await store.usage(model.id)).entries == 1
        async with store.transaction() as transaction:
            assert await transaction.apply(writes, 1) == [Outcome()] * 3
            await transaction.apply([put(model, 4)], 1)
        assert (await store.usage(model.id)).entries == 2

    async def test_an_empty_unit(self, store: EntryStore) -> None:
        assert await store.apply([], 1) == []

    async def test_units_take_effect_and_are_answered_in_order(self, store: EntryStore, model: Model) -> None:
        answered: list[int] = []
        units = []
        for i in range(50):
            unit = store.apply([put(model, 1, answer=b"%d" % i), *[Truncate(model.id)] * (i == 30)], i)
            unit.add_done_callback(lambda _, i=i: answered.append(i))
            units.append(unit)
        await asyncio.gather(*units)
        assert answered == list(range(50))
        [entry] = await store.find(model.id, [(PARTITION, key(1))])
        assert entry is not None
        assert (entry.answer, entry.created, entry.epoch) == (b"49", 49, model.epoch + 1)

    async def test_a_cancelled_waiter_undoes_nothing(self, store: EntryStore, model: Model) -> None:
        first, second, third = (store.apply([put(model, i)], 1) for i in range(3))
        second.cancel()
        await asyncio.gather(first, third)
        assert None not in await store.find(model.id, [(PARTITION, key(i)) for i in range(3)])

    async def test_fifty_callers(self, store: EntryStore, model: Model) -> None:
        async def caller(number: int) -> list[int]:
            ids = []
            for i in range(10):
                [outcome] = await store.apply([put(model, 100 * number + i % 5, answer=b"%d" % i)], i)
                assert outcome.id is not None
                [entry] = await store.get(model.id, [outcome.id])
                assert entry is not None
                assert entry.answer == b"%d" % i
                ids.append(outcome.id)
            assert ids[:5] == ids[5:]
            await store.apply([Touch(tuple((entry_id, 1, 1) for entry_id in ids)), Delete(model.id, (ids[0],))], 9)
            return ids[1:5]

        ids = [entry_id for ids in await asyncio.gather(*map(caller, range(50))) for entry_id in ids]
        assert len(set(ids)) == 200
        assert [entry and entry.hits for entry in await store.get(model.id, ids)] == [2] * 200
        assert (await store.usage(model.id)).entries == 200

    async def test_a_closed_store_is_unavailable(self, store: EntryStore, model: Model) -> None:
        source = store.source()
        accepted = store.apply([put(model, 1)], 1)
        await store.close()
        assert len(await accepted) == 1
        with pytest.raises(StoreUnavailable):
            store.apply([put(model, 2)], 1)
        with pytest.raises(StoreUnavailable):
            await store.find(model.id, [(PARTITION, key(1))])
        with pytest.raises(StoreUnavailable):
            await store.models()
        with pytest.raises(StoreUnavailable):
            source.partitions()
        with pytest.raises(StoreUnavailable):
            async with store.transaction():
                pass
        await store.close()


class TestTransaction:
    async def test_reads_its_own_writes_and_commits_at_the_end(self, store: EntryStore, model: Model) -> None:
        async with store.transaction() as transaction:
            [outcome] = await transaction.apply([put(model, 1)], 1)
            [inside] = await transaction.find(model.id, [(PARTITION, key(1))])
            assert inside is not None
            assert inside.id == outcome.id
            assert await transaction.get(model.id, [inside.id, 4711]) == [inside, None]
            assert await store.find(model.id, [(PARTITION, key(1))]) == [None]
        assert await store.find(model.id, [(PARTITION, key(1))]) == [inside]

    async def test_walks_and_counts_what_it_has_written(self, store: EntryStore, model: Model) -> None:
        [before] = await store.apply([put(model, 1, query="red", tags=("t",))], 1)
        async with store.transaction() as transaction:
            [blue, gone] = await transaction.apply([put(model, 2, query="blue", tags=("t",)), put(model, 3, expires=9)], 1)
            assert await transaction.scan(model.id, 0, count=2) == (blue.id, [before.id, blue.id])
            assert await transaction.scan(model.id, blue.id or 0, count=2) == (0, [gone.id])
            assert await transaction.scan(model.id, 0, count=9, match="b*", tags=["t"], now=9) == (0, [blue.id])
            assert (await transaction.usage(model.id)).entries == 3
            assert (await transaction.usage(model.id, now=9)).entries == 2
            assert (await store.usage(model.id)).entries == 1
            assert await store.scan(model.id, 0, count=9) == (0, [before.id])

    async def test_an_exception_leaves_no_trace(self, store: EntryStore, model: Model) -> None:
        async def writes() -> None:
            async with store.transaction() as transaction:
                await transaction.apply([put(model, 1), DropModel(model.id)], 1)
                raise LookupError

        with pytest.raises(LookupError):
            await writes()
        assert await store.models() == [model]
        assert await store.find(model.id, [(PARTITION, key(1))]) == [None]

    async def test_a_failing_unit_within_leaves_the_rest(self, store: EntryStore, model: Model) -> None:
        async with store.transaction() as transaction:
            await transaction.apply([put(model, 1)], 1)
            with pytest.raises(ValueError, match="surrogates"):
                await transaction.apply([put(model, 2), put(model, 3, **UNSTORABLE)], 1)
        found = await store.find(model.id, [(PARTITION, key(i)) for i in (1, 2, 3)])
        assert [entry is not None for entry in found] == [True, False, False]

    async def test_units_wait_in_queue_order(self, store: EntryStore, model: Model) -> None:
        before = store.apply([put(model, 1, answer=b"before")], 1)
        async with store.transaction() as transaction:
            assert before.done()
            after = store.apply([put(model, 1, answer=b"after")], 3)
            [entry] = await transaction.find(model.id, [(PARTITION, key(1))])
            assert entry is not None
            assert entry.answer == b"before"
            await transaction.apply([put(model, 1, answer=b"inside")], 2)
            assert not after.done()
        [outcome] = await after
        [entry] = await store.get(model.id, [outcome.id or 0])
        assert entry is not None
        assert entry.answer == b"after"

    async def test_cancelled_while_it_waits_for_its_turn(self, store: EntryStore, model: Model) -> None:
        entered = asyncio.Event()

        async def other() -> None:
            async with store.transaction():
                entered.set()

        async with store.transaction() as transaction:
            waiting = asyncio.create_task(other())
            await transaction.apply([put(model, 1)], 1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert not entered.is_set()
        assert await store.apply([Delete(model.id, ())], 1) == [Outcome()]

    async def test_cancelled_in_the_middle(self, store: EntryStore, model: Model) -> None:
        entered = asyncio.Event()

        async def stuck() -> None:
            async with store.transaction() as transaction:
                await transaction.apply([put(model, 1)], 1)
                entered.set()
                await asyncio.get_running_loop().create_future()

        task = asyncio.create_task(stuck())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await store.apply([put(model, 2)], 1)
        found = await store.find(model.id, [(PARTITION, key(1)), (PARTITION, key(2))])
        assert [entry is not None for entry in found] == [False, True]

    async def test_close_waits_for_it(self, store: EntryStore, model: Model, connect_entries: Connect) -> None:
        async with store.transaction() as transaction:
            closing = asyncio.create_task(store.close())
            await transaction.apply([put(model, 1)], 1)
            assert not closing.done()
            await transaction.apply([put(model, 2)], 1)
        await closing
        again = connect_entries()
        await again.open()
        assert (await again.usage(model.id)).entries == 2
        await again.close()


class TestSource:
    async def test_partitions_and_ids(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        outcomes = await store.apply([put(model, 1), put(other, 1), put(model, 2), put(model, 1, partition=OTHER_PARTITION)], 1)
        source = store.source()
        assert sorted(source.partitions()) == [(model.id, OTHER_PARTITION, 1), (model.id, PARTITION, 2), (other.id, PARTITION, 1)]
        ids, versions = source.ids(model.id, PARTITION)
        assert ids.dtype == versions.dtype == np.int64
        assert list(zip(ids, versions, strict=True)) == [(outcome.id, outcome.version) for outcome in outcomes[::2]]
        missing, none = source.ids(model.id, b"?" * 16)
        assert (missing.size, none.size) == (0, 0)

    async def test_vectors_in_bounded_slices(self, store: EntryStore, model: Model) -> None:
        outcomes = await store.apply([put(model, i) for i in range(2500)], 1)
        ids = [outcome.id or 0 for outcome in outcomes]
        slices = list(store.source().vectors(model.id, PARTITION))
        assert [len(part.ids) for part in slices] == [1000, 1000, 500]
        assert np.concatenate([part.ids for part in slices]).tolist() == ids
        assert np.concatenate([part.versions for part in slices]).tolist() == [outcome.version for outcome in outcomes]
        vectors = np.concatenate([part.vectors for part in slices])
        assert vectors.dtype == np.float32
        np.testing.assert_array_equal(vectors, [vector(i) for i in range(2500)])

    async def test_vectors_of_some_ids(self, store: EntryStore, model: Model) -> None:
        outcomes = await store.apply([*(put(model, i) for i in range(1500)), put(model, 1, partition=OTHER_PARTITION)], 1)
        ids = np.array([outcome.id for outcome in outcomes], np.int64)
        parts = list(store.source().vectors(model.id, PARTITION, np.concatenate([ids[::-1], ids[:3], [4711]])))
        assert [part.ids.tolist() for part in parts] == [ids[:1000].tolist(), ids[1000:1500].tolist()]
        assert list(store.source().vectors(model.id, PARTITION, np.array([4711], np.int64))) == []

    async def test_a_version_changes_with_the_vector_only(self, store: EntryStore, model: Model) -> None:
        [first] = await store.apply([put(model, 1)], 1)
        [same] = await store.apply([put(model, 1, answer=b"other")], 2)
        [changed] = await store.apply([put(model, 1, vector=vector(-7))], 3)
        [last] = await store.apply([put(model, 2)], 4)
        assert first.version == same.version < changed.version < last.version
        [part] = store.source().vectors(model.id, PARTITION)
        assert isinstance(part, PartitionVectors)
        assert part.versions.tolist() == [changed.version, last.version]
        np.testing.assert_array_equal(part.vectors, [vector(-7), vector(2)])

    async def test_sees_nothing_of_an_older_epoch(self, store: EntryStore, model: Model) -> None:
        await store.apply([put(model, i) for i in range(1200)], 1)
        source = store.source()
        slices = source.vectors(model.id, PARTITION)
        next(slices)
        await store.apply([Truncate(model.id), put(model, 1)], 2)
        assert [len(part.ids) for part in slices] == [1]
        assert source.partitions() == [(model.id, PARTITION, 1)]
        await store.apply([DropModel(model.id)], 3)
        assert source.partitions() == []
        assert source.ids(model.id, PARTITION)[0].size == 0
        assert list(source.vectors(model.id, PARTITION)) == []

    async def test_vectors_of_any_layout_are_stored_as_float32(self, store: EntryStore, model: Model) -> None:
        strided = np.arange(2 * DIMENSION, dtype=np.float64)[::2]
        await store.apply([put(model, 1, vector=strided)], 1)
        [part] = store.source().vectors(model.id, PARTITION)
        np.testing.assert_array_equal(part.vectors, [strided.astype(np.float32)])
