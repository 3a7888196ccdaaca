"""The check beside writes, and recovery with the real store."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from storage.errors import StoreUnavailable
from storage.faiss.audit import compare
from storage.faiss.block import Block
from storage.records import CreateModel, DeleteExact, Put, VectorRecord
from storage.sqlite import SqliteStore
from tests.storage.faiss_case import KEY, MODEL, PARTITION, VECTORS, GatedSource, fill, opened, ranked
from tests.storage.vector_source import DIMENSION, MemorySource, unit_vectors


class TestCheck:
    def test_an_id_met_in_two_places_is_compared_once(self) -> None:
        source = MemorySource()
        source.put(MODEL, PARTITION, 4, VECTORS[4])
        source.put(MODEL, PARTITION, 5, VECTORS[5])
        old, new = Block(DIMENSION), Block(DIMENSION)
        old.append(np.array([4, 5]), VECTORS[4:6], np.array([1, 2]))
        new.append(np.array([4]), VECTORS[4:5], np.array([3]))
        assert not compare((old, new), source, KEY)

    async def test_writes_beside_a_check_are_no_differences(self, tmp_path: Path) -> None:
        source = GatedSource("ids")
        index = await opened(tmp_path, source)
        await fill(index, source, range(40))
        source.armed = True
        check = asyncio.create_task(index.check())
        await source.reached.wait()  # the store has been read, the index not yet
        await fill(index, source, range(40, 60))
        source.delete(MODEL, PARTITION, 7)
        await index.remove(MODEL, PARTITION, [7])
        source.put(MODEL, PARTITION, 8, -VECTORS[8])
        await index.add([VectorRecord(MODEL, PARTITION, 8, -VECTORS[8])])
        source.go.set()
        assert await check == 0
        assert await ranked(index, -VECTORS[8]) == [8]
        assert sorted(await ranked(index, VECTORS[0], 99)) == [id for id in range(60) if id != 7]
        await index.close()

    async def test_a_commit_whose_add_arrives_later_is_no_difference(self, tmp_path: Path) -> None:
        source = GatedSource("ids")
        index = await opened(tmp_path, source)
        await fill(index, source, range(40))
        version = source.put(MODEL, PARTITION, 50, VECTORS[50])
        source.armed = True
        check = asyncio.create_task(index.check())
        await source.reached.wait()
        await index.add([VectorRecord(MODEL, PARTITION, 50, VECTORS[50], version)])
        source.go.set()
        assert await check == 0
        await index.close()

    async def test_a_write_beats_what_the_check_read(self, tmp_path: Path) -> None:
        source = GatedSource("vectors")
        index = await opened(tmp_path, source)
        await fill(index, source, range(40))
        source.put(MODEL, PARTITION, 50, VECTORS[50])
        source.put(MODEL, PARTITION, 51, VECTORS[51])
        source.armed = True
        check = asyncio.create_task(index.check())
        await source.reached.wait()  # both vectors are in the hands of the check
        await fill(index, source, range(50, 51), vectors=-VECTORS)
        source.delete(MODEL, PARTITION, 51)
        await index.remove(MODEL, PARTITION, [51])
        source.go.set()
        assert await check == 0
        assert await ranked(index, -VECTORS[50]) == [50]
        assert 51 not in await ranked(index, VECTORS[51], 99)
        assert await index.check() == 0
        await index.close()

    @pytest.mark.parametrize("method", ["ids", "vectors"])
    @pytest.mark.parametrize("partition", [None, PARTITION])
    async def test_a_drop_beats_the_check(self, tmp_path: Path, method: str, partition: bytes | None) -> None:
        source = GatedSource(method)
        index = await opened(tmp_path, source)
        await fill(index, source, range(40))
        await index.add([VectorRecord(MODEL, PARTITION, 200, VECTORS[200])])
        source.put(MODEL, PARTITION, 50, VECTORS[50])
        source.armed = True
        check = asyncio.create_task(index.check())
        await source.reached.wait()
        source.rows.clear()
        await index.drop(MODEL, partition)
        source.go.set()
        assert await check == 0
        assert await ranked(index, VECTORS[0], 99) == []
        await index.close()

    async def test_a_check_of_another_partition_is_not_disturbed_by_drops(self, tmp_path: Path) -> None:
        source = GatedSource("vectors")
        index = await opened(tmp_path, source)
        source.put(MODEL, PARTITION, 50, VECTORS[50])
        source.armed = True
        check = asyncio.create_task(index.check())
        await source.reached.wait()
        await index.drop(MODEL, bytes(16))
        await index.add([VectorRecord(MODEL, bytes(16), 50, VECTORS[1])])
        source.go.set()
        assert await check == 1
        assert await ranked(index, VECTORS[50]) == [50]
        await index.close()

    async def test_closing_ends_a_check(self, tmp_path: Path) -> None:
        source = GatedSource("vectors")
        index = await opened(tmp_path, source)
        source.put(MODEL, PARTITION, 1, VECTORS[1])
        source.put(MODEL + 1, PARTITION, 2, VECTORS[2])
        source.armed = True
        check = asyncio.create_task(index.check())
        await source.reached.wait()
        close = asyncio.create_task(index.close())
        await asyncio.sleep(0)
        source.go.set()
        assert await check == 0
        await close
        assert index.vectors == 0

    async def test_a_vector_of_another_length_in_the_store_is_refused(self, tmp_path: Path) -> None:
        index = await opened(tmp_path, source := MemorySource())
        await fill(index, source, range(5))
        source.put(MODEL, PARTITION, 9, unit_vectors(1, dimension=12)[0])
        source.rows = {place: row for place, row in source.rows.items() if place[2] == 9}
        with pytest.raises(ValueError, match="12 dimensions for model 1, whose vectors have 8"):
            await index.check()
        await index.close()

    async def test_each_repair_is_logged(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        index = await opened(tmp_path, source := MemorySource())
        await fill(index, source, range(40))
        source.delete(MODEL, PARTITION, 1)
        for id in range(100, 130):
            source.put(MODEL, PARTITION, id, VECTORS[id])
        assert await index.check() == 1
        assert f"model={MODEL} partition={PARTITION.hex()} extra=1 missing-or-stale=30" in caplog.text
        await index.settled()
        assert index.vectors == 69
        await index.close()


class TestSqlite:
    """Against the real store."""

    async def test_restart_follow_and_check(self, tmp_path: Path) -> None:
        store = SqliteStore(str(tmp_path / "store.db"))
        await store.open()
        (model,) = await store.apply([CreateModel("gpt", "embedder", DIMENSION)], 1)
        assert model.id is not None
        ids = []
        for number in range(30):
            put = Put(model.id, PARTITION, number.to_bytes(16), "question", b"answer", VECTORS[number])
            ids += [outcome.id for outcome in await store.apply([put], 1)]
        index = await opened(tmp_path / "index", store.source())
        assert await ranked(index, VECTORS[7], model_id=model.id) == [ids[7]]
        await index.settled()
        await index.close()
        await store.apply([DeleteExact(model.id, PARTITION, (7).to_bytes(16))], 2)
        await store.apply([Put(model.id, PARTITION, (8).to_bytes(16), "question", b"answer", -VECTORS[8])], 2)
        index = await opened(tmp_path / "index", store.source())
        assert index.graphs > 0
        assert await ranked(index, -VECTORS[8], model_id=model.id) == [ids[8]]
        assert ids[7] not in await ranked(index, VECTORS[7], 99, model_id=model.id)
        await store.apply([Put(model.id, PARTITION, (9).to_bytes(16), "question", b"answer", -VECTORS[9])], 3)
        assert await index.check() == 1
        assert await ranked(index, -VECTORS[9], model_id=model.id) == [ids[9]]
        assert await index.check() == 0
        await index.close()
        await store.close()

    async def test_a_source_that_is_gone_is_reported(self, tmp_path: Path) -> None:
        store = SqliteStore(str(tmp_path / "store.db"))
        await store.open()
        index = await opened(tmp_path / "index", store.source())
        await store.close()
        with pytest.raises(StoreUnavailable):
            await index.check()
        assert await ranked(index, VECTORS[0]) == []
        await index.close()
