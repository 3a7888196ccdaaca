"""Graphs on disk: one file per graph, checked before it is believed, thrown away rather than repaired."""

import logging
import os
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from storage.errors import StoreUnavailable
from storage.faiss.graph import Graph
from storage.faiss.native import faiss

log = logging.getLogger("storage.faiss")

FORMAT = 1
_MAGIC = b"MCSGRAPH"
_NAME = re.compile(r"(\d+)-([0-9a-f]{32})-(\d+)\.graph")
# After the graph as FAISS writes it, the ids and the versions: magic, format, dimension, model id, partition, vectors, highest version,
# bytes before this footer, their checksum, FAISS version; then the checksum of these fields.
_FOOTER = struct.Struct("<8sIIq16sqqqI16s")
_CHECKSUM = struct.Struct("<I")
_TRAILER = _FOOTER.size + _CHECKSUM.size
_READ = 1 << 20

Key = tuple[int, bytes]


class SnapshotInvalid(Exception):
    """A file that is no whole, undamaged snapshot of this format."""


@dataclass(frozen=True, slots=True)
class _Manifest:
    dimension: int
    count: int
    content: int


class SnapshotFolder:
    """The snapshot files of one index. All methods block: for worker threads, `write` for one of them only."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._sequence = 0

    def open(self) -> dict[Key, list[str]]:
        """Make the folder, clear up what a killed process left half-written; names of the files there are, newest first.

        Raises StoreUnavailable where the folder cannot be used.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            for leftover in self._directory.glob("*.graph.tmp"):
                leftover.unlink()
        except OSError as error:
            raise StoreUnavailable(f"index folder {self._directory}: {error}; it must be a folder that the server may write to") from error
        found: dict[Key, list[tuple[int, str]]] = {}
        for path in self._directory.glob("*.graph"):
            if match := _NAME.fullmatch(path.name):
                sequence = int(match[3])
                self._sequence = max(self._sequence, sequence)
                found.setdefault((int(match[1]), bytes.fromhex(match[2])), []).append((sequence, path.name))
        return {key: [name for _, name in sorted(files, reverse=True)] for key, files in found.items()}

    def write(self, key: Key, graph: Graph) -> str:
        """Write a graph so that it is there whole or not at all, then remove the files it makes needless; its file's name."""
        self._sequence += 1
        name = f"{key[0]}-{key[1].hex()}-{self._sequence}.graph"
        path = self._directory / name
        temporary = path.with_name(f"{name}.tmp")
        try:
            self._write(temporary, key, graph)
            temporary.rename(path)
        finally:
            temporary.unlink(missing_ok=True)
        self._sync_directory()
        self.remove(graph.stored)
        return name

    def _write(self, path: Path, key: Key, graph: Graph) -> None:
        faiss.write_index(graph.index, str(path))
        versions = graph.versions.copy()  # the event loop may fill in versions meanwhile
        with path.open("r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(graph.ids.tobytes())
            file.write(versions.tobytes())
            _seal(file, key, graph, int(versions.max()))
            os.fsync(file.fileno())

    def remove(self, names: tuple[str, ...] | list[str]) -> None:
        """Delete files; those that are gone already are passed over."""
        for name in names:
            (self._directory / name).unlink(missing_ok=True)

    def read(self, key: Key, name: str, *, dimension: int, ef_search: int) -> Graph | None:
        """The graph of a file; a file that cannot be used is reported, removed and answered by None."""
        try:
            return self._read(key, name, dimension, ef_search)
        except (SnapshotInvalid, OSError, RuntimeError, MemoryError) as error:
            log.warning("event=snapshot-ignored file=%s reason=%r action=rebuild-from-store", name, str(error))
            self.remove([name])
            return None

    def _read(self, key: Key, name: str, dimension: int, ef_search: int) -> Graph:
        path = self._directory / name
        with path.open("rb") as file:
            manifest = _verify(file, key)
            if manifest.dimension != dimension:
                raise SnapshotInvalid(f"dimension {manifest.dimension}, the store has {dimension}")
            file.seek(manifest.content - 16 * manifest.count)
            ids = np.fromfile(file, np.int64, manifest.count)
            versions = np.fromfile(file, np.int64, manifest.count)
        index = faiss.read_index(str(path))
        if not isinstance(index, faiss.IndexHNSWSQ) or (index.d, index.ntotal) != (manifest.dimension, manifest.count):
            raise SnapshotInvalid(f"expected HNSW of {manifest.count} x {manifest.dimension}, found {index.ntotal} x {index.d}")
        graph = Graph(index, ids, versions, ef_search=ef_search)
        graph.stored, graph.unstored = (name,), 0
        return graph

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _seal(file: BinaryIO, key: Key, graph: Graph, version: int) -> None:
    content = file.tell()
    file.flush()
    file.seek(0)
    fields = (_MAGIC, FORMAT, graph.dimension, key[0], key[1], graph.count, version, content, _checksum(file, content))
    footer = _FOOTER.pack(*fields, faiss.__version__.encode()[:16])
    file.seek(content)
    file.write(footer + _CHECKSUM.pack(zlib.crc32(footer)))
    file.flush()


def _verify(file: BinaryIO, key: Key) -> _Manifest:
    content = file.seek(0, os.SEEK_END) - _TRAILER
    if content < 0:
        raise SnapshotInvalid("truncated")
    file.seek(content)
    footer, checksum = file.read(_FOOTER.size), file.read(_CHECKSUM.size)
    magic, form, dimension, model_id, partition, count, _, length, content_checksum, _ = _FOOTER.unpack(footer)
    if magic != _MAGIC or _CHECKSUM.pack(zlib.crc32(footer)) != checksum or length != content:
        raise SnapshotInvalid("truncated or damaged")
    if form != FORMAT:
        raise SnapshotInvalid(f"format {form}, expected {FORMAT}")
    if (model_id, partition) != key:
        raise SnapshotInvalid(f"of model {model_id} partition {partition.hex()}")
    file.seek(0)
    if _checksum(file, content) != content_checksum:
        raise SnapshotInvalid("damaged")
    return _Manifest(dimension, count, content)


def _checksum(file: BinaryIO, length: int) -> int:
    checksum = 0
    while length:
        chunk = file.read(min(length, _READ))
        checksum = zlib.crc32(chunk, checksum)
        length -= len(chunk)
    return checksum
