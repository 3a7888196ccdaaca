"""The contract of EntryStore, for every back end: what each write does and each read answers."""

import numpy as np
import pytest

from storage.records import (
    Condition,
    Configure,
    CreateModel,
    Delete,
    DeleteExact,
    DropModel,
    Entry,
    Expire,
    Model,
    Outcome,
    Removed,
    Touch,
    Truncate,
    Usage,
)
from storage.seams import EntryStore
from tests.storage.entry_stores import DIMENSION, OTHER_PARTITION, PARTITION, Connect, create, key, put, vector

NAMES = [
    "gpt-4",
    "gpt_4",
    "GPT-4",
    "it's",
    'say "hi"',
    "100%",
    "a b",
    "模型一号",
    "a;DROP TABLE model",
    "a*[?]",
    "\u00e9",
    "e\u0301",
    "x" * 255,
    "nul\0nul",
]


class TestModels:
    async def test_names_are_used_as_given(self, store: EntryStore) -> None:
        models = [await create(store, name) for name in NAMES]
        assert [model.name for model in await store.models()] == NAMES
        assert len({model.id for model in models}) == len(NAMES)

    async def test_create(self, store: EntryStore) -> None:
        [outcome] = await store.apply([CreateModel("m", "e5", 384, {"threshold": "0.9"})], 17)
        model = outcome.model
        assert model is not None
        assert model == Model(model.id, "m", model.epoch, "e5", 384, {"threshold": "0.9"}, 17)
        assert (outcome.id, outcome.count) == (model.id, 1)
        assert await store.models() == [model]

    async def test_create_again_answers_the_first(self, store: EntryStore, model: Model) -> None:
        [outcome] = await store.apply([CreateModel(model.name, "another", 8, {"a": "b"})], 99)
        assert outcome == Outcome(id=model.id, count=0, model=model)

    async def test_configure_merges_and_takes_back(self, store: EntryStore, model: Model) -> None:
        await store.apply([Configure(model.id, {"a": "1", "b": "zwei 二"})], 2)
        [outcome] = await store.apply([Configure(model.id, {"a": None, "c": "3", "missing": None})], 3)
        assert outcome.model is not None
        assert dict(outcome.model.settings) == {"b": "zwei 二", "c": "3"}
        assert (outcome.id, outcome.count) == (model.id, 1)
        assert await store.models() == [outcome.model]

    async def test_drop_frees_the_name_and_not_the_id(self, store: EntryStore, model: Model) -> None:
        await store.apply([put(model, 1), put(model, 2, tags=("t",))], 2)
        [outcome] = await store.apply([DropModel(model.id)], 3)
        assert outcome == Outcome(id=model.id, count=2, cleared=True)
        assert await store.models() == []
        again = await create(store, model.name)
        assert again.id != model.id
        assert await store.find(model.id, [(PARTITION, key(1))]) == [None]
        assert await store.find(again.id, [(PARTITION, key(1))]) == [None]
        assert await store.usage(again.id) == Usage(0, 0, 0)

    @pytest.mark.parametrize(
        "write", [DropModel(77), Configure(77, {"a": "b"}), Truncate(77), Truncate(77, PARTITION), Truncate(77, tags=("t",))]
    )
    async def test_a_missing_model_is_nothing_found(self, store: EntryStore, write: DropModel | Configure | Truncate) -> None:
        assert await store.apply([write], 1) == [Outcome()]


class TestPut:
    async def test_round_trip(self, store: EntryStore, model: Model) -> None:
        write = put(
            model,
            1,
            query="问题 'quoted' % \0 \U0001f600",
            answer=bytes(range(256)),
            meta='{"tokens": 12}',
            tags=("b", "a'%", "中", "b", "nul\0"),
            context_vector=vector(9),
            expires=5000,
        )
        [outcome] = await store.apply([write], 1000)
        [entry] = await store.find(model.id, [(PARTITION, key(1))])
        assert entry is not None
        assert outcome.id == entry.id
        assert outcome.count == 1
        assert (entry.model_id, entry.epoch, entry.partition, entry.exact_key) == (model.id, model.epoch, PARTITION, key(1))
        assert (entry.query, entry.answer, entry.meta) == (write.query, write.answer, write.meta)
        assert entry.tags == ("a'%", "b", "nul\0", "中")
        assert entry.context_vector is not None
        np.testing.assert_array_equal(entry.context_vector, vector(9))
        assert (entry.created, entry.expires, entry.hits, entry.last_hit, entry.good, entry.bad) == (1000, 5000, 0, 0, 0, 0)

    async def test_plain_entry_and_empty_values(self, store: EntryStore, model: Model) -> None:
        [outcome] = await store.apply([put(model, 1, query="", answer=b"")], 1)
        assert outcome.id is not None
        [entry] = await store.get(model.id, [outcome.id])
        assert entry is not None
        assert (entry.query, entry.answer, entry.meta, entry.tags, entry.context_vector) == ("", b"", "", (), None)

    @pytest.mark.parametrize("size", [(64 << 10) - 1, 64 << 10, (64 << 10) + 1, 3 << 20])
    async def test_long_answers(self, store: EntryStore, model: Model, size: int) -> None:
        answer = bytes(size - 1) + b"!"
        [long, short] = await store.apply([put(model, 1, answer=answer, query="q" * 100_000), put(model, 2)], 1)
        assert long.id is not None
        assert short.id is not None
        entries = await store.get(model.id, [long.id, short.id, long.id])
        assert [entry and entry.answer for entry in entries] == [answer, b"answer 2", answer]

    async def test_replacing_keeps_id_and_hits_and_resets_the_rest(self, store: EntryStore, model: Model) -> None:
        first = put(model, 1, meta="old", tags=("old",), context_vector=vector(3), expires=9999)
        [[before]] = [await store.apply([first], 1)]
        assert before.id is not None
        await store.apply([Touch(((before.id, 3, 50),))], 50)
        [after] = await store.apply([put(model, 1, answer=b"new", meta="m", tags=("new",))], 60)
        assert (after.id, after.count, after.removed) == (before.id, 1, ())
        [entry] = await store.get(model.id, [before.id])
        assert entry is not None
        assert (entry.answer, entry.meta, entry.tags, entry.context_vector, entry.expires) == (b"new", "m", ("new",), None, 0)
        assert (entry.created, entry.hits, entry.last_hit, entry.good, entry.bad) == (60, 3, 50, 0, 0)
        assert await _tagged(store, model, "old") == []
        assert await _tagged(store, model, "new") == [before.id]

    async def test_an_expired_entry_in_the_way_goes(self, store: EntryStore, model: Model) -> None:
        [old] = await store.apply([put(model, 1, expires=100, tags=("old",))], 1)
        assert old.id is not None
        [new] = await store.apply([put(model, 1)], 100)
        assert new.id not in (None, old.id)
        assert new.removed == (Removed(old.id, PARTITION, key(1)),)
        assert await store.get(model.id, [old.id]) == [None]
        assert await _tagged(store, model, "old") == []
        assert (await store.usage(model.id)).entries == 1

    @pytest.mark.parametrize(
        ("condition", "there", "expires", "written"),
        [
            (Condition.ABSENT, False, 0, True),
            (Condition.ABSENT, True, 0, False),
            (Condition.ABSENT, True, 100, True),
            (Condition.ABSENT, True, 101, False),
            (Condition.PRESENT, False, 0, False),
            (Condition.PRESENT, True, 0, True),
            (Condition.PRESENT, True, 100, False),
            (Condition.PRESENT, True, 101, True),
            (Condition.ALWAYS, True, 100, True),
            (Condition.ALWAYS, True, 101, True),
        ],
    )
    async def test_conditions(
        self, store: EntryStore, model: Model, condition: Condition, there: bool, expires: int, written: bool
    ) -> None:
        if there:
            await store.apply([put(model, 1, expires=expires)], 1)
        [outcome] = await store.apply([put(model, 1, answer=b"second", condition=condition)], 100)
        assert outcome.count == int(written)
        assert (outcome.id is not None) == written
        [entry] = await store.find(model.id, [(PARTITION, key(1))])
        assert (entry is not None and entry.answer == b"second") == written

    async def test_conditions_see_earlier_writes_of_the_unit(self, store: EntryStore, model: Model) -> None:
        twice = [put(model, 1, condition=Condition.ABSENT), put(model, 1, condition=Condition.ABSENT)]
        assert await store.apply(twice, 1) == [Outcome(), Outcome()]
        first, second = await store.apply([put(model, 1), put(model, 1, condition=Condition.PRESENT)], 1)
        assert (first.count, second.count, second.id) == (1, 1, first.id)

    async def test_into_a_missing_model(self, store: EntryStore, model: Model) -> None:
        await store.apply([DropModel(model.id)], 2)
        assert await store.apply([put(model, 1)], 3) == [Outcome()]

    @pytest.mark.parametrize("field", ["vector", "context_vector"])
    async def test_a_vector_of_another_dimension_is_refused(self, store: EntryStore, model: Model, field: str) -> None:
        wrong = np.zeros(DIMENSION + 1, np.float32)
        with pytest.raises(ValueError, match=rf"shape \(5,\).*have {DIMENSION} dimensions"):
            await store.apply([put(model, 1, **{field: wrong})], 1)
        assert await store.find(model.id, [(PARTITION, key(1))]) == [None]

    async def test_ids_are_never_reused(self, store: EntryStore, model: Model, connect_entries: Connect) -> None:
        [first] = await store.apply([put(model, 1)], 1)
        assert first.id is not None
        await store.apply([Delete(model.id, (first.id,))], 2)
        await store.close()
        again = connect_entries()
        await again.open()
        [second] = await again.apply([put(model, 1)], 3)
        await again.close()
        assert second.id is not None
        assert second.id > first.id
        assert second.version > first.version


class TestRemoval:
    async def test_delete(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        outcomes = await store.apply([put(model, 1), put(model, 2), put(other, 1)], 1)
        ids = tuple(outcome.id or 0 for outcome in outcomes)
        [outcome] = await store.apply([Delete(model.id, (*ids, ids[0], 4711))], 2)
        assert outcome.count == 2
        assert outcome.removed == (Removed(ids[0], PARTITION, key(1)), Removed(ids[1], PARTITION, key(2)))
        assert await store.get(model.id, ids[:2]) == [None, None]
        [survivor] = await store.get(other.id, ids[2:])
        assert survivor is not None

    async def test_delete_exact(self, store: EntryStore, model: Model) -> None:
        [put_outcome, _] = await store.apply([put(model, 1), put(model, 1, partition=OTHER_PARTITION)], 1)
        assert put_outcome.id is not None
        gone, nothing = await store.apply([DeleteExact(model.id, PARTITION, key(1))] * 2, 2)
        assert gone == Outcome(id=put_outcome.id, count=1, removed=(Removed(put_outcome.id, PARTITION, key(1)),))
        assert nothing == Outcome()
        assert (await store.usage(model.id)).entries == 1

    async def test_truncate_a_model(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        outcomes = await store.apply([*(put(model, i, tags=("t",), expires=50) for i in range(700)), put(other, 1)], 1)
        [outcome] = await store.apply([Truncate(model.id)], 2)
        assert outcome.model is not None
        assert outcome.model.epoch == model.epoch + 1
        assert outcome == Outcome(id=model.id, count=700, cleared=True, model=outcome.model)
        old_id = outcomes[0].id or 0
        assert await store.models() == [outcome.model, other]
        assert await store.get(model.id, [old_id]) == [None]
        assert await store.find(model.id, [(PARTITION, key(0))]) == [None]
        assert await store.scan(model.id, 0, count=10) == (0, [])
        assert await store.expired(99, limit=1000) == []
        assert await store.usage(model.id) == Usage(0, 0, 0)
        assert await store.apply([Delete(model.id, (old_id,)), Expire(model.id, old_id, 0), Truncate(model.id, tags=("t",))], 3) == [
            Outcome(),
            Outcome(),
            Outcome(id=model.id),
        ]
        assert await store.apply([Touch(((old_id, 1, 1),))], 3) == [Outcome()]
        assert (await store.usage(other.id)).entries == 1
        [again] = await store.apply([put(model, 0)], 4)
        assert again.id not in {outcome.id for outcome in outcomes}

    async def test_truncate_a_partition(self, store: EntryStore, model: Model) -> None:
        await store.apply([put(model, 1), put(model, 2), put(model, 1, partition=OTHER_PARTITION)], 1)
        [outcome] = await store.apply([Truncate(model.id, PARTITION)], 2)
        assert outcome == Outcome(id=model.id, count=2, cleared=True)
        found = await store.find(model.id, [(PARTITION, key(1)), (OTHER_PARTITION, key(1))])
        assert [entry is not None for entry in found] == [False, True]
        assert await store.usage(model.id) == Usage(1, (await store.usage(model.id)).bytes, 1)

    async def test_truncate_by_tags(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        both, one, elsewhere, _ = await store.apply(
            [
                put(model, 1, tags=("a", "b")),
                put(model, 2, tags=("a",)),
                put(model, 1, partition=OTHER_PARTITION, tags=("b", "a")),
                put(other, 1, tags=("a", "b")),
            ],
            1,
        )
        [in_partition] = await store.apply([Truncate(model.id, PARTITION, ("b", "a", "b"))], 2)
        assert in_partition == Outcome(id=model.id, count=1, removed=(Removed(both.id or 0, PARTITION, key(1)),))
        [everywhere] = await store.apply([Truncate(model.id, tags=("a",))], 3)
        assert everywhere.count == 2
        assert {removed.id for removed in everywhere.removed} == {one.id, elsewhere.id}
        assert not everywhere.cleared
        assert (await store.usage(other.id)).entries == 1


class TestExpiry:
    async def test_expire_and_persist(self, store: EntryStore, model: Model) -> None:
        [outcome] = await store.apply([put(model, 1)], 1)
        entry_id = outcome.id or 0
        assert await store.apply([Expire(model.id, entry_id, 500)], 2) == [Outcome(id=entry_id, count=1)]
        assert await _expires(store, model, entry_id) == 500
        assert await store.apply([Expire(model.id, entry_id, 0)], 499) == [Outcome(id=entry_id, count=1)]
        assert await _expires(store, model, entry_id) == 0

    async def test_expire_finds_neither_strangers_nor_the_expired(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        [outcome] = await store.apply([put(model, 1, expires=100)], 1)
        entry_id = outcome.id or 0
        assert await store.apply([Expire(other.id, entry_id, 0), Expire(model.id, 4711, 0)], 2) == [Outcome(), Outcome()]
        assert await store.apply([Expire(model.id, entry_id, 0)], 100) == [Outcome()]

    async def test_expired_rows_are_read_and_listed(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        outcomes = await store.apply([put(model, 1, expires=300), put(other, 1, expires=200), put(model, 2), put(model, 3, expires=301)], 1)
        ids = [outcome.id or 0 for outcome in outcomes]
        assert await store.expired(199, limit=10) == []
        assert await store.expired(300, limit=10) == [(other.id, ids[1]), (model.id, ids[0])]
        assert await store.expired(300, limit=1) == [(other.id, ids[1])]
        [entry] = await store.get(model.id, ids[:1])
        assert entry is not None
        assert entry.expired(300)
        assert entry.id == ids[0]

    async def test_a_sweep_passes_over_what_was_prolonged(self, store: EntryStore, model: Model) -> None:
        outcomes = await store.apply([put(model, 1, expires=300), put(model, 2, expires=300), put(model, 3)], 1)
        ids = tuple(outcome.id or 0 for outcome in outcomes)
        await store.apply([Expire(model.id, ids[0], 900)], 2)
        [swept] = await store.apply([Delete(model.id, ids, only_expired=True)], 300)
        assert [removed.id for removed in swept.removed] == [ids[1]]


class TestReads:
    async def test_one_answer_per_key_in_order(self, store: EntryStore, model: Model) -> None:
        await store.apply([put(model, i) for i in range(150)], 1)
        keys = [(PARTITION, key(i % 151)) for i in range(200)]
        found = await store.find(model.id, keys)
        assert [entry and entry.exact_key for entry in found] == [None if i % 151 == 150 else key(i % 151) for i in range(200)]
        assert await store.find(model.id, []) == []
        assert await store.get(model.id, [0, -1, 4711]) == [None, None, None]

    async def test_models_do_not_see_each_other(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        [outcome] = await store.apply([put(model, 1, tags=("t",))], 1)
        assert await store.get(other.id, [outcome.id or 0]) == [None]
        assert await store.find(other.id, [(PARTITION, key(1))]) == [None]
        assert await store.scan(other.id, 0, count=10) == (0, [])

    async def test_touch(self, store: EntryStore, model: Model) -> None:
        a, b = (outcome.id or 0 for outcome in await store.apply([put(model, 1), put(model, 2)], 1))
        [outcome] = await store.apply([Touch(((a, 1, 100), (b, 2, 200), (a, 4, 90), (4711, 1, 1)))], 200)
        assert outcome == Outcome(count=3)
        entries = await store.get(model.id, [a, b])
        assert [(entry.hits, entry.last_hit) for entry in entries if entry] == [(5, 100), (2, 200)]

    async def test_usage_follows_every_write(self, store: EntryStore, model: Model) -> None:
        size = len("é") + 1 + 2 + 3 + 4 * DIMENSION
        await store.apply([put(model, 1, query="é", answer=b"12", meta="abc")], 1)
        assert await store.usage(model.id) == Usage(1, size, 1)
        await store.apply([put(model, 1, query="é", answer=b"1", meta="abc", context_vector=vector(1), partition=OTHER_PARTITION)], 1)
        assert await store.usage(model.id) == Usage(2, 2 * size - 1 + 4 * DIMENSION, 2)
        await store.apply([put(model, 1, query="é", answer=b"12345", meta="abc")], 1)
        await store.apply([DeleteExact(model.id, OTHER_PARTITION, key(1))], 1)
        assert await store.usage(model.id) == Usage(1, size + 3, 1)

    async def test_usage_leaves_out_what_has_expired(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        size = len("q") + len("a") + 4 * DIMENSION
        same = {"query": "q", "answer": b"a"}
        await store.apply([put(model, 1, **same), put(model, 2, **same, expires=50), put(model, 3, **same, expires=51)], 1)
        await store.apply([put(model, 4, **same, expires=50, partition=OTHER_PARTITION), put(other, 5, **same, expires=50)], 1)
        assert await store.usage(model.id) == Usage(4, 4 * size, 2)
        assert await store.usage(model.id, now=49) == Usage(4, 4 * size, 2)
        assert await store.usage(model.id, now=50) == Usage(2, 2 * size, 1)
        assert await store.usage(model.id, now=51) == Usage(1, size, 1)
        await store.apply([Truncate(model.id)], 50)
        assert await store.usage(model.id, now=51) == Usage(0, 0, 0)

    async def test_everything_survives_a_restart(self, store: EntryStore, model: Model, connect_entries: Connect) -> None:
        await store.apply([put(model, i, tags=("t",)) for i in range(5)], 1)
        before = await store.find(model.id, [(PARTITION, key(i)) for i in range(5)])
        usage = await store.usage(model.id)
        await store.close()
        again = connect_entries()
        await again.open()
        assert await again.models() == [model]
        assert await again.find(model.id, [(PARTITION, key(i)) for i in range(5)]) == before
        assert await again.usage(model.id) == usage
        await again.close()


class TestScan:
    async def test_walks_all_ids_in_bounded_steps(self, store: EntryStore, model: Model) -> None:
        other = await create(store, "other")
        ids = []
        for i in range(10):
            a, _ = await store.apply([put(model, i), put(other, i)], 1)
            ids.append(a.id)
        seen, cursor, steps = [], 0, 0
        while steps == 0 or cursor:
            cursor, found = await store.scan(model.id, cursor, count=3)
            assert len(found) <= 3
            seen += found
            steps += 1
        assert (seen, steps) == (ids, 4)

    async def test_filters_count_what_they_looked_at(self, store: EntryStore, model: Model) -> None:
        outcomes = await store.apply([put(model, i, query=f"q{i % 2}", tags=("even", "x") if i % 2 == 0 else ("x",)) for i in range(6)], 1)
        ids = [outcome.id or 0 for outcome in outcomes]
        assert await store.scan(model.id, 0, count=3, match="q1") == (ids[2], [ids[1]])
        assert await store.scan(model.id, ids[2], count=4, tags=["x", "even"]) == (0, [ids[4]])
        assert await store.scan(model.id, 0, count=7, match="q?", tags=["x"]) == (0, ids)

    async def test_leaves_out_the_expired(self, store: EntryStore, model: Model) -> None:
        stays, goes = await store.apply([put(model, 1, expires=101), put(model, 2, expires=100)], 1)
        assert await store.scan(model.id, 0, count=9, now=100) == (0, [stays.id])
        assert await store.scan(model.id, 0, count=9) == (0, [stays.id, goes.id])


async def _tagged(store: EntryStore, model: Model, tag: str) -> list[int]:
    _, ids = await store.scan(model.id, 0, count=100, tags=[tag])
    return ids


async def _expires(store: EntryStore, model: Model, entry_id: int) -> int:
    [entry] = await store.get(model.id, [entry_id])
    assert isinstance(entry, Entry)
    return entry.expires
