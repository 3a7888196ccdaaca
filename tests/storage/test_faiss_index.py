"""What FaissIndex does beyond the contract: graphs in the background, snapshots, checks beside writes."""

import asyncio
import logging
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from storage.errors import StoreUnavailable
from storage.faiss import FaissIndex, builder, snapshot
from storage.faiss import index as index_module
from storage.records import CreateModel, DeleteExact, PartitionVectors, Put, Vector, VectorQuery, VectorRecord
from storage.sqlite import SqliteStore
from tests.storage.vector_source import DIMENSION, MemorySource, unit_vectors

MODEL, PARTITION = 1, bytes(range(16))
KEY = (MODEL, PARTITION)
VECTORS = unit_vectors(300)
SMALL: dict[str, Any] = {"exact_max": 10, "graph_max": 64, "m": 8, "ef_search": 128}


class GatedSource(MemorySource):
    """Holds each call of the chosen method until it is let go; `reached` tells the loop that it waits."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.reached = asyncio.Event()
        self.go = Event()
        self.armed = False
        self._method = method

    def ids(self, model_id: int, partition: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        found = super().ids(model_id, partition)
        self._wait("ids")
        return found

    def vectors(self, model_id: int, partition: bytes, ids: NDArray[np.int64] | None = None) -> Iterator[PartitionVectors]:
        found = list(super().vectors(model_id, partition, ids))
        self._wait("vectors")
        return iter(found)

    def _wait(self, method: str) -> None:
        if self.armed and method == self._method:
            self.armed = False
            self.loop.call_soon_threadsafe(self.reached.set)
            assert self.go.wait(30)


async def opened(directory: Path, source: MemorySource, **options: Any) -> FaissIndex:
    index = FaissIndex(directory, **(SMALL | options))
    await index.open(source)
    return index


async def fill(index: FaissIndex, source: MemorySource, ids: range, *, vectors: Vector = VECTORS) -> None:
    for id in ids:
        version = source.put(MODEL, PARTITION, id, vectors[id])
        await index.add([VectorRecord(MODEL, PARTITION, id, vectors[id], version)])


async def ranked(index: FaissIndex, vector: Vector, k: int = 1) -> list[int]:
    (neighbours,) = await index.search([VectorQuery(MODEL, PARTITION, vector, k)])
    return [neighbour.id for neighbour in neighbours]


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


class TestGraphs:
    async def test_a_long_tail_becomes_graphs_of_bounded_size(self, tmp_path: Path) -> None:
        index = await opened(tmp_path, source := MemorySource())
        await fill(index, source, range(300))
        await index.settled()
        assert index.graphs >= 300 // 64
        assert index.builds >= index.graphs
        assert index.vectors == 300
        for id in range(300):
            assert await ranked(index, VECTORS[id]) == [id]
        await index.close()

    async def test_a_short_tail_stays_exact(self, tmp_path: Path) -> None:
        index = await opened(tmp_path, source := MemorySource())
        await fill(index, source, range(10))
        await index.settled()
        assert (index.graphs, index.builds) == (0, 0)
        await index.close()
        assert files(tmp_path) == []

    async def test_tombstones_are_honoured_at_once_and_cleared_in_the_background(self, tmp_path: Path) -> None:
        index = await opened(tmp_path, source := MemorySource())
        await fill(index, source, range(60))
        await index.settled()
        assert index.graphs > 0
        await index.remove(MODEL, PARTITION, range(30))
        assert index.tombstones >= 20
        assert set(await ranked(index, VECTORS[3], 60)) == set(range(30, 60))
        await index.settled()
        assert index.tombstones < 10
        assert set(await ranked(index, VECTORS[3], 60)) == set(range(30, 60))
        await index.close()

    async def test_a_graph_whose_vectors_are_all_gone_vanishes_with_its_file(self, tmp_path: Path) -> None:
        index = await opened(tmp_path, source := MemorySource())
        await fill(index, source, range(30))
        await index.settled()
        assert files(tmp_path)
        await index.remove(MODEL, PARTITION, range(30))
        await index.settled()
        assert (index.vectors, index.graphs, index.tombstones, index.memory) == (0, 0, 0, 0)
        assert files(tmp_path) == []
        await index.close()

    async def test_a_removal_during_a_build_holds_afterwards(self, tmp_path: Path) -> None:
        index = await opened(tmp_path, source := MemorySource())
        await fill(index, source, range(30))
        await asyncio.sleep(0)  # the build of the first eleven is under way on its thread
        await index.remove(MODEL, PARTITION, range(5))
        await index.add([VectorRecord(MODEL, PARTITION, 7, -VECTORS[7])])
        await index.settled()
        assert await ranked(index, -VECTORS[7]) == [7]
        assert sorted(await ranked(index, VECTORS[0], 99)) == list(range(5, 30))
        await index.close()

    async def test_a_neighbourhood_of_tombstones_does_not_hide_what_is_behind(self, tmp_path: Path) -> None:
        crowd = unit_vectors(1, seed=3) + 0.01 * unit_vectors(200, seed=4)
        crowd /= np.linalg.norm(crowd, axis=1, keepdims=True)
        index = await opened(tmp_path, source := MemorySource(), ef_search=8, graph_max=1000, dead_share=0.9)
        await fill(index, source, range(200), vectors=crowd)
        await fill(index, source, range(200, 220))
        await index.settled()
        await index.remove(MODEL, PARTITION, range(180))
        await index.settled()
        assert index.tombstones == 180
        assert set(await ranked(index, crowd[0], 40)) == set(range(180, 220))
        assert set(await ranked(index, crowd[0], 20)) == set(range(180, 200))
        await index.close()

    async def test_a_search_looks_further_before_it_looks_at_everything(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        index = await opened(tmp_path, source := MemorySource(), ef_search=8, graph_max=1000, dead_share=0.9)
        await fill(index, source, range(300))
        await index.settled()
        nearest = np.argsort(-(VECTORS @ VECTORS[0]))
        await index.remove(MODEL, PARTITION, nearest[:40].tolist())
        (graph,) = index._partitions[KEY].graphs
        monkeypatch.setattr(graph, "_storage", None)  # comparing with everything would fail
        assert await ranked(index, VECTORS[0], 5) == nearest[40:45].tolist()
        await index.close()

    async def test_a_partition_that_got_short_again_before_its_turn_is_left_alone(self, tmp_path: Path) -> None:
        index = await opened(tmp_path, source := MemorySource())
        await fill(index, source, range(11))
        await index.remove(MODEL, PARTITION, [0])
        await index.settled()
        assert (index.builds, index.vectors) == (0, 10)
        await index.close()

    async def test_partitions_that_got_empty_leave_nothing(self, tmp_path: Path) -> None:
        index = await opened(tmp_path, MemorySource())
        for number in range(50):
            partition = number.to_bytes(16)
            await index.add([VectorRecord(MODEL, partition, number, VECTORS[number])])
            await index.remove(MODEL, partition, [number])
        assert index._partitions == {}
        await index.close()

    async def test_a_failing_build_is_logged_and_lookups_go_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object) -> None:
            raise MemoryError("no room for links")

        index = await opened(tmp_path, source := MemorySource())
        with monkeypatch.context() as patch:
            patch.setattr(builder, "merge", fail)
            await fill(index, source, range(15))
            await index.settled()
            assert "no room for links" in caplog.text
            assert await ranked(index, VECTORS[12]) == [12]
            assert index.graphs == 0
        await fill(index, source, range(15, 40))
        await index.settled()
        assert index.graphs == 1
        assert await ranked(index, VECTORS[12]) == [12]
        await index.close()

    async def test_dropping_during_a_build_leaves_nothing(self, tmp_path: Path) -> None:
        index = await opened(tmp_path, source := MemorySource())
        await fill(index, source, range(60))
        await asyncio.sleep(0)
        await index.drop(MODEL)
        await index.add([VectorRecord(MODEL, PARTITION, 500, VECTORS[0])])
        await index.settled()
        assert await ranked(index, VECTORS[0], 99) == [500]
        await index.close()
        assert files(tmp_path) == []

    async def test_dropping_while_a_snapshot_is_written_leaves_no_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        index = await opened(tmp_path, source := MemorySource())
        write, loop, reached, go = index._folder.write, asyncio.get_running_loop(), asyncio.Event(), Event()

        def gated(*args: Any) -> str:
            loop.call_soon_threadsafe(reached.set)
            assert go.wait(30)
            return write(*args)

        monkeypatch.setattr(index._folder, "write", gated)
        await fill(index, source, range(20))
        await reached.wait()
        await index.drop(MODEL)
        go.set()
        await index.settled()
        await index.close()
        assert files(tmp_path) == []

    async def test_many_searches_during_builds(self, tmp_path: Path) -> None:
        index = await opened(tmp_path, source := MemorySource())
        ready = 0

        async def look() -> None:
            while ready < 300:
                known = ready
                assert await ranked(index, VECTORS[known - 1]) == [known - 1]
                await asyncio.sleep(0)

        await fill(index, source, range(1))
        ready = 1
        async with asyncio.TaskGroup() as tasks:
            for _ in range(8):
                tasks.create_task(look())
            for id in range(1, 300):
                await fill(index, source, range(id, id + 1))
                ready = id + 1
                await asyncio.sleep(0)
        await index.settled()
        assert index.builds > 4
        await index.close()

    async def test_a_large_batch_is_shared_out_and_keeps_its_order(self, tmp_path: Path) -> None:
        index = await opened(tmp_path, source := MemorySource())
        await fill(index, source, range(100))
        await index.settled()
        answers = await index.search([VectorQuery(MODEL, PARTITION, VECTORS[id], 2) for id in range(100)])
        assert [answer[0].id for answer in answers] == list(range(100))
        await index.close()

    async def test_long_exact_searches_leave_the_event_loop(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(index_module, "INLINE_WORK", 0)
        index = await opened(tmp_path, source := MemorySource(), exact_max=1000)
        await fill(index, source, range(100))
        answers = await index.search([VectorQuery(MODEL, PARTITION, VECTORS[id], 1) for id in range(100)])
        assert [answer[0].id for answer in answers] == list(range(100))
        await index.close()

    async def test_memory_is_the_vectors_and_a_little(self, tmp_path: Path) -> None:
        vectors = unit_vectors(3000, dimension=384)
        index = FaissIndex(tmp_path, exact_max=5000)
        await index.open(MemorySource())
        await index.add([VectorRecord(MODEL, PARTITION, id, vector) for id, vector in enumerate(vectors)])
        assert vectors.nbytes < index.memory < vectors.nbytes + 200 * len(vectors)
        await index.close()
        index = FaissIndex(tmp_path, exact_max=500)
        await index.open(MemorySource())
        await index.add([VectorRecord(MODEL, PARTITION, id, vector) for id, vector in enumerate(vectors)])
        await index.settled()
        assert index.graphs == 1
        assert index.memory < vectors.nbytes
        await index.close()


class Steps:
    """Strategies for a random history."""

    ids = st.integers(0, 60)
    add = st.tuples(st.just("add"), st.lists(st.tuples(ids, st.integers(0, 299)), min_size=1, max_size=20))
    remove = st.tuples(st.just("remove"), st.lists(ids, max_size=20))
    drop = st.tuples(st.just("drop"), st.booleans())
    settle = st.tuples(st.just("settle"), st.none())
    restart = st.tuples(st.just("restart"), st.none())
    check = st.tuples(st.just("check"), st.none())
    history = st.lists(st.one_of(add, add, add, remove, settle, settle, drop, restart, check), min_size=3, max_size=25)


class TestHistories:
    @settings(max_examples=60, deadline=None)
    @given(history=Steps.history, known=st.booleans())
    def test_any_history_ends_as_a_naive_index_would(
        self, tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, Any]], known: bool
    ) -> None:
        asyncio.run(self._follow(tmp_path_factory.mktemp("index"), history, known=known))

    async def _follow(self, directory: Path, history: list[tuple[str, Any]], *, known: bool) -> None:
        source = MemorySource()
        index = await opened(directory, source)
        for step, argument in history:
            match step:
                case "add":
                    records = []
                    for id, choice in argument:
                        version = source.put(MODEL, PARTITION, id, VECTORS[choice])
                        records.append(VectorRecord(MODEL, PARTITION, id, VECTORS[choice], version if known else -1))
                    await index.add(records)
                case "remove":
                    for id in argument:
                        source.delete(MODEL, PARTITION, id)
                    await index.remove(MODEL, PARTITION, argument)
                case "drop":
                    source.rows.clear()
                    await index.drop(MODEL, PARTITION if argument else None)
                case "settle":
                    await index.settled()
                case "restart":
                    await index.close()
                    index = await opened(directory, source)
                case "check":
                    assert await index.check() == 0
            await self._compare(index, source)
        await index.settled()
        await self._compare(index, source)
        await index.close()

    async def _compare(self, index: FaissIndex, source: MemorySource) -> None:
        assert index.vectors == len(source.rows)
        queries = unit_vectors(3, seed=8)
        answers = await index.search([VectorQuery(MODEL, PARTITION, query, 8) for query in queries])
        for query, answer in zip(queries, answers, strict=True):
            cosines = {id: float(vector @ query) for (_, _, id), (vector, _) in source.rows.items()}
            assert [neighbour.score for neighbour in answer] == pytest.approx(sorted(cosines.values(), reverse=True)[:8], abs=1e-3)
            assert len({neighbour.id for neighbour in answer}) == len(answer)
            for neighbour in answer:
                assert neighbour.score == pytest.approx(cosines[neighbour.id], abs=1e-3)


Damage = Callable[[bytes], bytes]


def flip(position: int) -> Damage:
    """Turns one bit of the byte there; negative positions count from the end."""

    def damage(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[position] ^= 0x10
        return bytes(changed)

    return damage


def refooted(content: bytes, **changes: Any) -> bytes:
    """The snapshot with other footer fields and checksums that fit."""
    names = ("magic", "form", "dimension", "model_id", "partition", "count", "version", "length", "checksum", "faiss")
    footer = content[-snapshot._TRAILER : -snapshot._CHECKSUM.size]
    fields = dict(zip(names, snapshot._FOOTER.unpack(footer), strict=True)) | changes
    footer = snapshot._FOOTER.pack(*fields.values())
    return content[: -snapshot._TRAILER] + footer + snapshot._CHECKSUM.pack(zlib.crc32(footer))


class TestSnapshots:
    async def _written(self, directory: Path, source: MemorySource, count: int = 50) -> Path:
        index = await opened(directory, source)
        await fill(index, source, range(count))
        await index.settled()
        await index.close()
        (path,) = directory.iterdir()
        return path

    async def test_a_restart_reads_only_what_is_new(self, tmp_path: Path) -> None:
        await self._written(tmp_path, source := MemorySource())
        index = await opened(tmp_path, source)
        in_graph, source.fetched = index.vectors, []
        await index.close()
        assert in_graph == 50
        source.put(MODEL, PARTITION, 70, VECTORS[70])
        index = await opened(tmp_path, source)
        assert 70 in source.fetched
        assert len(source.fetched) < 20
        assert index.builds == 0
        assert await ranked(index, VECTORS[70]) == [70]
        await index.close()

    async def test_vectors_of_unknown_version_are_compared_once(self, tmp_path: Path) -> None:
        source = MemorySource()
        index = await opened(tmp_path, source, exact_max=10)
        for id in range(30):
            source.put(MODEL, PARTITION, id, VECTORS[id])
            await index.add([VectorRecord(MODEL, PARTITION, id, VECTORS[id])])
        await index.settled()
        source.fetched.clear()
        assert await index.check() == 0
        assert sorted(source.fetched) == list(range(30))
        source.fetched.clear()
        assert await index.check() == 0
        assert source.fetched == []
        await index.close()

    @pytest.mark.parametrize(
        "damage",
        [
            pytest.param(lambda content: b"", id="empty"),
            pytest.param(lambda content: content[:40], id="beginning-only"),
            pytest.param(lambda content: content[: len(content) // 2], id="half"),
            pytest.param(lambda content: content[:-1], id="last-byte-gone"),
            pytest.param(lambda content: content + b"x", id="longer"),
            pytest.param(flip(0), id="flip-first"),
            pytest.param(flip(1000), id="flip-graph"),
            pytest.param(flip(-300), id="flip-ids"),
            pytest.param(flip(-95), id="flip-footer"),
            pytest.param(flip(-1), id="flip-last"),
            pytest.param(lambda content: b"\0" * len(content), id="zeros"),
            pytest.param(lambda content: refooted(content, form=snapshot.FORMAT + 1), id="other-format"),
            pytest.param(lambda content: refooted(content, dimension=DIMENSION + 4), id="other-dimension"),
            pytest.param(lambda content: refooted(content, model_id=MODEL + 1), id="of-another-model"),
            pytest.param(lambda content: refooted(content, partition=bytes(16)), id="of-another-partition"),
            pytest.param(lambda content: refooted(content, count=49), id="other-count"),
        ],
    )
    async def test_a_damaged_snapshot_is_reported_and_rebuilt(
        self, tmp_path: Path, damage: Damage, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = await self._written(tmp_path, source := MemorySource())
        path.write_bytes(damage(path.read_bytes()))
        index = await opened(tmp_path, source)
        assert [record.levelno for record in caplog.records if path.name in record.getMessage()] == [logging.WARNING]
        assert not path.exists()
        assert index.vectors == 50
        for id in range(50):
            assert await ranked(index, VECTORS[id]) == [id]
        await index.settled()
        assert index.graphs == 1
        await index.close()

    async def test_a_whole_file_that_is_no_graph_is_ignored(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        path = await self._written(tmp_path, source := MemorySource())
        content = path.read_bytes()
        fields = snapshot._FOOTER.unpack(content[-snapshot._TRAILER : -snapshot._CHECKSUM.size])
        count, length = fields[5], fields[7]
        for graph in (b"no FAISS index at all", faiss.serialize_index(faiss.IndexFlatIP(DIMENSION)).tobytes()):
            body = graph + content[length - 16 * count : length]
            path.write_bytes(refooted(body + content[length:], length=len(body), checksum=zlib.crc32(body)))
            index = await opened(tmp_path, source, exact_max=100)
            assert path.name in caplog.text
            assert await ranked(index, VECTORS[49]) == [49]
            await index.close()
            caplog.clear()

    async def test_a_snapshot_of_another_dimension_than_the_store_gives_way(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        await self._written(tmp_path, MemorySource())
        source, longer = MemorySource(), unit_vectors(50, dimension=DIMENSION + 4)
        for id, vector in enumerate(longer):
            source.put(MODEL, PARTITION, id, vector)
        index = await opened(tmp_path, source)
        assert "dimension 8, the store has 12" in caplog.text
        assert await ranked(index, longer[3]) == [3]
        await index.close()

    async def test_a_snapshot_of_a_partition_that_is_gone_is_deleted(self, tmp_path: Path) -> None:
        await self._written(tmp_path, MemorySource())
        (tmp_path / "notes.graph").write_text("not ours")
        index = await opened(tmp_path, MemorySource())
        assert (index.vectors, files(tmp_path)) == (0, ["notes.graph"])
        await index.close()

    async def test_a_partition_whose_rows_vanish_while_opening_is_passed_over(self, tmp_path: Path) -> None:
        class Vanishing(MemorySource):
            def partitions(self) -> list[tuple[int, bytes, int]]:
                return [(*KEY, 3)]

        index = await opened(tmp_path, Vanishing())
        assert index.vectors == 0
        await index.close()

    async def test_a_kill_before_the_rename_leaves_the_old_snapshot_in_force(self, tmp_path: Path) -> None:
        path = await self._written(tmp_path, source := MemorySource())
        half = path.with_name(f"{MODEL}-{PARTITION.hex()}-99.graph.tmp")
        half.write_bytes(path.read_bytes()[:500])
        index = await opened(tmp_path, source)
        assert files(tmp_path) == [path.name]
        assert (index.vectors, index.graphs, index.builds) == (50, 1, 0)
        await index.close()

    async def test_a_kill_before_the_old_file_is_deleted_finds_each_vector_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = await self._written(tmp_path, source := MemorySource())
        index = await opened(tmp_path, source)
        with monkeypatch.context() as patch:
            patch.setattr(index._folder, "remove", lambda names: None)
            source.put(MODEL, PARTITION, 3, -VECTORS[3])
            await index.add([VectorRecord(MODEL, PARTITION, 3, -VECTORS[3], 51)])
            await fill(index, source, range(50, 63))
            await index.settled()
            await index.close()
        assert old.name in files(tmp_path)
        assert len(files(tmp_path)) == 2
        index = await opened(tmp_path, source)
        assert index.vectors == 63
        assert sorted(await ranked(index, VECTORS[0], 200)) == list(range(63))
        assert await ranked(index, -VECTORS[3]) == [3]
        await index.settled()
        assert len(files(tmp_path)) == 1
        await index.close()

    @pytest.mark.parametrize("error", [OSError("no space left"), RuntimeError("write failed")])
    async def test_a_snapshot_that_cannot_be_written_is_reported_only(
        self, tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object) -> None:
            raise error

        index = await opened(tmp_path, source := MemorySource())
        monkeypatch.setattr(snapshot, "_seal", fail)
        await fill(index, source, range(30))
        await index.settled()
        assert str(error) in caplog.text
        assert await ranked(index, VECTORS[29]) == [29]
        await index.close()
        assert files(tmp_path) == []

    async def test_closing_gives_a_build_up_and_loses_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        index = await opened(tmp_path, source := MemorySource())
        await fill(index, source, range(60))
        await index.close()
        assert (index.builds, index.vectors) == (0, 0)
        index = await opened(tmp_path, source)
        assert sorted(await ranked(index, VECTORS[0], 99)) == list(range(60))
        await index.close()

    async def test_closing_writes_what_is_not_on_disk_if_there_is_time(self, tmp_path: Path) -> None:
        path = await self._written(tmp_path, source := MemorySource(), count=50)
        for seconds, expected in ((0.0, [path.name]), (60.0, [path.name.replace("-1.graph", "-2.graph")])):
            index = await opened(tmp_path, source, close_seconds=seconds, exact_max=3)
            await fill(index, source, range(50, 54))
            await index.settled()
            await index.close()
            assert files(tmp_path) == expected


class TestCheck:
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
        assert await ranked_of(index, model.id, VECTORS[7]) == [ids[7]]
        await index.settled()
        await index.close()
        await store.apply([DeleteExact(model.id, PARTITION, (7).to_bytes(16))], 2)
        await store.apply([Put(model.id, PARTITION, (8).to_bytes(16), "question", b"answer", -VECTORS[8])], 2)
        index = await opened(tmp_path / "index", store.source())
        assert index.graphs > 0
        assert await ranked_of(index, model.id, -VECTORS[8]) == [ids[8]]
        assert ids[7] not in await ranked_of(index, model.id, VECTORS[7], 99)
        await store.apply([Put(model.id, PARTITION, (9).to_bytes(16), "question", b"answer", -VECTORS[9])], 3)
        assert await index.check() == 1
        assert await ranked_of(index, model.id, -VECTORS[9]) == [ids[9]]
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


async def ranked_of(index: FaissIndex, model_id: int, vector: Vector, k: int = 1) -> list[int]:
    (neighbours,) = await index.search([VectorQuery(model_id, PARTITION, vector, k)])
    return [neighbour.id for neighbour in neighbours]
