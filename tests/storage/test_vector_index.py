"""The contract of VectorIndex, for every back end."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from storage.faiss import FaissIndex
from storage.records import VectorQuery, VectorRecord
from storage.seams import VectorIndex
from tests.storage.vector_source import MemorySource, unit_vectors

MODEL, OTHER_MODEL = 1, 2
PARTITION, OTHER_PARTITION = bytes(16), bytes(range(16))
VECTORS = unit_vectors(40)

Connect = Callable[[], VectorIndex]


def faiss_exact(directory: Path) -> VectorIndex:
    return FaissIndex(directory)


def faiss_graphs(directory: Path) -> VectorIndex:
    return FaissIndex(directory, exact_max=4, graph_max=16, m=8)


@pytest.fixture(params=[faiss_exact, faiss_graphs])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Connect:
    """Makes another index of the back end over the same place."""
    return lambda: request.param(tmp_path / "index")


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


@pytest.fixture
async def index(connect: Connect, source: MemorySource) -> AsyncIterator[VectorIndex]:
    index = connect()
    await index.open(source)
    yield index
    await index.close()


def record(id: int, vector: np.ndarray, *, model_id: int = MODEL, partition: bytes = PARTITION) -> VectorRecord:
    return VectorRecord(model_id, partition, id, vector)


async def found(index: VectorIndex, vector: np.ndarray, k: int = 1, *, model_id: int = MODEL, partition: bytes = PARTITION) -> list[int]:
    (neighbours,) = await index.search([VectorQuery(model_id, partition, vector, k)])
    return [neighbour.id for neighbour in neighbours]


class TestVectorIndex:
    async def test_an_empty_index_finds_nothing(self, index: VectorIndex) -> None:
        assert await found(index, VECTORS[0]) == []
        assert await index.search([]) == []

    async def test_equal_vectors_score_one(self, index: VectorIndex) -> None:
        await index.add([record(i, vector) for i, vector in enumerate(VECTORS)])
        for i, vector in enumerate(VECTORS):
            ((best, *_),) = await index.search([VectorQuery(MODEL, PARTITION, vector, 3)])
            assert best.id == i
            assert best.score == pytest.approx(1.0, abs=1e-3)
            assert best.score <= 1.0

    async def test_results_are_the_cosines_best_first(self, index: VectorIndex) -> None:
        await index.add([record(i, vector) for i, vector in enumerate(VECTORS)])
        query = unit_vectors(1, seed=5)[0]
        (neighbours,) = await index.search([VectorQuery(MODEL, PARTITION, query, 10)])
        cosines = VECTORS @ query
        assert [neighbour.id for neighbour in neighbours] == np.argsort(-cosines)[:10].tolist()
        assert [neighbour.score for neighbour in neighbours] == pytest.approx(np.sort(cosines)[::-1][:10].tolist(), abs=1e-3)

    async def test_fewer_than_k_where_there_are_fewer(self, index: VectorIndex) -> None:
        await index.add([record(i, VECTORS[i]) for i in range(3)])
        assert sorted(await found(index, VECTORS[0], 10)) == [0, 1, 2]
        assert await found(index, VECTORS[0], 0) == []
        await index.add([record(i, vector) for i, vector in enumerate(VECTORS)])
        assert len(await found(index, VECTORS[0], 10**12)) == len(VECTORS)

    async def test_the_smaller_id_comes_first_where_scores_are_equal(self, index: VectorIndex) -> None:
        await index.add([record(id, VECTORS[0]) for id in (9, 3, 7, 1)])
        assert await found(index, VECTORS[0], 4) == [1, 3, 7, 9]
        assert await found(index, VECTORS[0], 2) == [1, 3]

    async def test_each_query_of_a_batch_has_its_own_k_and_partition(self, index: VectorIndex) -> None:
        await index.add([record(i, VECTORS[i]) for i in range(5)])
        await index.add([record(5, VECTORS[5], partition=OTHER_PARTITION), record(6, VECTORS[6], model_id=OTHER_MODEL)])
        answers = await index.search(
            [
                VectorQuery(OTHER_MODEL, PARTITION, VECTORS[0], 9),
                VectorQuery(MODEL, PARTITION, VECTORS[3], 2),
                VectorQuery(MODEL, OTHER_PARTITION, VECTORS[3], 9),
                VectorQuery(MODEL, PARTITION, VECTORS[4], 1),
                VectorQuery(OTHER_MODEL, OTHER_PARTITION, VECTORS[0], 9),
            ]
        )
        assert [[neighbour.id for neighbour in answer] for answer in answers] == [[6], [3, answers[1][1].id], [5], [4], []]

    async def test_an_id_that_is_there_gets_the_new_vector(self, index: VectorIndex) -> None:
        await index.add([record(i, VECTORS[i]) for i in range(10)])
        await index.add([record(3, VECTORS[20])])
        assert await found(index, VECTORS[20]) == [3]
        assert sorted(await found(index, VECTORS[3], 20)) == list(range(10))
        ((*_, worst),) = await index.search([VectorQuery(MODEL, PARTITION, -VECTORS[20], 20)])
        assert worst.id == 3

    async def test_the_last_of_equal_ids_in_one_call_counts(self, index: VectorIndex) -> None:
        await index.add([record(1, VECTORS[0]), record(2, VECTORS[1]), record(1, VECTORS[2])])
        ((best, second),) = await index.search([VectorQuery(MODEL, PARTITION, VECTORS[2], 9)])
        assert (best.id, second.id) == (1, 2)
        assert best.score == pytest.approx(1.0, abs=1e-3)

    async def test_removed_ids_are_not_found(self, index: VectorIndex) -> None:
        await index.add([record(i, vector) for i, vector in enumerate(VECTORS)])
        await index.remove(MODEL, PARTITION, [7, 7, 12, 999])
        assert sorted(await found(index, VECTORS[7], 50)) == [i for i in range(40) if i not in (7, 12)]
        await index.remove(MODEL, OTHER_PARTITION, [1])
        await index.remove(MODEL, PARTITION, [])
        assert await found(index, VECTORS[1]) == [1]
        await index.remove(MODEL, PARTITION, range(40))
        assert await found(index, VECTORS[1], 50) == []

    async def test_a_removed_id_can_come_back(self, index: VectorIndex) -> None:
        await index.add([record(i, vector) for i, vector in enumerate(VECTORS)])
        await index.remove(MODEL, PARTITION, [7])
        await index.add([record(7, VECTORS[7])])
        assert await found(index, VECTORS[7]) == [7]

    async def test_dropping_a_partition_leaves_the_others(self, index: VectorIndex) -> None:
        await index.add([record(i, VECTORS[i]) for i in range(10)])
        await index.add([record(10, VECTORS[10], partition=OTHER_PARTITION), record(11, VECTORS[11], model_id=OTHER_MODEL)])
        await index.drop(MODEL, PARTITION)
        assert await found(index, VECTORS[0]) == []
        assert await found(index, VECTORS[0], partition=OTHER_PARTITION) == [10]
        assert await found(index, VECTORS[0], model_id=OTHER_MODEL) == [11]

    async def test_dropping_a_model_leaves_the_others(self, index: VectorIndex) -> None:
        await index.add(
            [record(0, VECTORS[0]), record(1, VECTORS[1], partition=OTHER_PARTITION), record(2, VECTORS[2], model_id=OTHER_MODEL)]
        )
        await index.drop(MODEL)
        await index.drop(MODEL)
        assert await found(index, VECTORS[0]) == []
        assert await found(index, VECTORS[0], partition=OTHER_PARTITION) == []
        assert await found(index, VECTORS[0], model_id=OTHER_MODEL) == [2]

    async def test_vectors_of_another_length_are_refused(self, index: VectorIndex) -> None:
        await index.add([record(0, VECTORS[0])])
        longer = unit_vectors(1, dimension=12)[0]
        with pytest.raises(ValueError, match="12 dimensions for model 1, whose vectors have 8"):
            await index.add([record(1, VECTORS[1]), record(2, longer)])
        with pytest.raises(ValueError, match="12 dimensions for model 1, whose vectors have 8"):
            await index.search([VectorQuery(MODEL, PARTITION, longer, 1)])
        assert await found(index, VECTORS[1], 9) == [0]

    async def test_a_dropped_model_may_change_its_length(self, index: VectorIndex) -> None:
        await index.add([record(0, VECTORS[0])])
        await index.drop(MODEL)
        longer = unit_vectors(1, dimension=12)[0]
        await index.add([record(1, longer)])
        assert await found(index, longer) == [1]

    async def test_opening_finds_what_the_source_has(self, connect: Connect, source: MemorySource) -> None:
        for i, vector in enumerate(VECTORS):
            source.put(MODEL, PARTITION, i, vector)
        source.put(OTHER_MODEL, PARTITION, 99, VECTORS[0])
        index = connect()
        await index.open(source)
        assert await found(index, VECTORS[30]) == [30]
        assert await found(index, VECTORS[0], 9, model_id=OTHER_MODEL) == [99]
        await index.close()

    async def test_opening_again_follows_the_source(self, connect: Connect, source: MemorySource) -> None:
        for i, vector in enumerate(VECTORS):
            source.put(MODEL, PARTITION, i, vector)
        index = connect()
        await index.open(source)
        await index.close()
        source.delete(MODEL, PARTITION, 5)
        source.put(MODEL, PARTITION, 6, -VECTORS[6])
        source.put(MODEL, PARTITION, 50, VECTORS[5])
        index = connect()
        await index.open(source)
        assert await found(index, VECTORS[5]) == [50]
        assert await found(index, -VECTORS[6]) == [6]
        assert sorted(await found(index, VECTORS[0], 99)) == [i for i in range(40) if i != 5] + [50]
        await index.close()

    async def test_check_repairs_what_differs(self, index: VectorIndex, source: MemorySource) -> None:
        for i, vector in enumerate(VECTORS):
            source.put(MODEL, PARTITION, i, vector)
            await index.add([record(i, vector)])
        source.put(OTHER_MODEL, PARTITION, 77, VECTORS[7])
        await index.add([record(88, VECTORS[8], model_id=3)])
        source.delete(MODEL, PARTITION, 1)
        source.put(MODEL, PARTITION, 2, -VECTORS[2])
        source.put(MODEL, PARTITION, 60, VECTORS[1])
        assert await index.check() == 3
        assert await found(index, VECTORS[1]) == [60]
        assert await found(index, -VECTORS[2]) == [2]
        assert await found(index, VECTORS[7], model_id=OTHER_MODEL) == [77]
        assert await found(index, VECTORS[8], model_id=3) == []
        assert await index.check() == 0
