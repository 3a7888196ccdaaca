"""Graphs on disk: restarts, damage, kills at the worst moment."""

import logging
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import pytest

from storage.errors import StoreUnavailable
from storage.faiss import FaissIndex, snapshot
from storage.records import VectorRecord
from tests.storage.faiss_case import KEY, MODEL, PARTITION, VECTORS, files, fill, opened, ranked
from tests.storage.vector_source import DIMENSION, MemorySource, unit_vectors

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

    async def test_a_full_graph_is_on_disk_without_closing(self, tmp_path: Path) -> None:
        index = await opened(tmp_path / "index", source := MemorySource())
        for count in (50, 61):  # the second build adds less than a fifth, but fills the graph
            await fill(index, source, range(count - 11, count) if count > 50 else range(count))
            await index.settled()
        assert (index.graphs, index.builds) == (1, 2)
        shutil.copytree(tmp_path / "index", tmp_path / "killed")
        await index.close()
        source.fetched.clear()
        index = await opened(tmp_path / "killed", source)
        assert index.vectors == 61
        assert len(source.fetched) == 1  # to learn the length of the vectors
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

    async def test_a_folder_that_cannot_be_used_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        index = FaissIndex(tmp_path / "file")
        with pytest.raises(StoreUnavailable, match=r"index folder .*file"):
            await index.open(MemorySource())
        await index.close()
