"""Graphs in the background: building, tombstones, failures, and any history against a naive index."""

import asyncio
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.faiss import FaissIndex, builder
from storage.faiss import index as index_module
from storage.records import VectorQuery, VectorRecord
from tests.storage.faiss_case import KEY, MODEL, PARTITION, VECTORS, files, fill, opened, ranked
from tests.storage.vector_source import MemorySource, unit_vectors


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
