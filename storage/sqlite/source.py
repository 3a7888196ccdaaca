"""What a vector index reads: a blocking view on a connection of its own."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.errors import StoreUnavailable
from storage.records import PartitionVectors
from storage.sqlite import statements as sql
from storage.sqlite.connection import open_reader, translated

# 1000 vectors of 384 dimensions are 1.5 MB; each slice is a statement of its own, so no read holds the log back for long.
_SLICE = 1000


class SqliteSource:
    """Implements VectorSource. Any thread may use it; raises StoreUnavailable once the store is closed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    def close(self) -> None:
        """Let go of the connection; a slice being read is finished first."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()

    def partitions(self) -> list[tuple[int, bytes, int]]:
        """(model id, partition, number of live rows) of every partition that holds rows."""
        return self._rows(sql.PARTITIONS, ())

    def ids(self, model_id: int, partition: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and vector versions of a partition's live rows, in order of id: one consistent read."""
        with self._reading() as connection:
            cursor = connection.execute(sql.VERSIONS, (partition, model_id))
            # A million rows are 16 MB as arrays and 150 MB as tuples: never all of them at once.
            slices = [np.array(rows, np.int64) for rows in iter(partial(cursor.fetchmany, _SLICE), [])]
        pairs = np.concatenate([np.empty((0, 2), np.int64), *slices])
        return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])

    def vectors(self, model_id: int, partition: bytes, ids: NDArray[np.int64] | None = None) -> Iterator[PartitionVectors]:
        """The vectors of a partition (or only of some of its ids) in slices of at most 1000, in order of id.

        Each slice is as the table stands when it is read; a row that was removed before is left out.
        """
        slices = self._all(model_id, partition) if ids is None else self._some(model_id, partition, np.unique(ids))
        return (_slice_of(rows) for rows in slices if rows)

    def _all(self, model_id: int, partition: bytes) -> Iterator[list[Any]]:
        last = 0
        while rows := self._rows(sql.VECTORS, (partition, model_id, last, _SLICE)):
            last = rows[-1][0]
            yield rows

    def _some(self, model_id: int, partition: bytes, ids: NDArray[np.int64]) -> Iterator[list[Any]]:
        for start in range(0, len(ids), _SLICE):
            wanted = json.dumps(ids[start : start + _SLICE].tolist())
            yield self._rows(sql.VECTORS_OF_IDS, (partition, model_id, wanted))

    def _rows(self, statement: str, parameters: tuple[Any, ...]) -> list[Any]:
        with self._reading() as connection:
            return connection.execute(statement, parameters).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self._path):
            if self._closed:
                message = f"{self._path} is closed"
                raise StoreUnavailable(message)
            if self._connection is None:
                self._connection = open_reader(self._path)
            yield self._connection


def _slice_of(rows: list[Any]) -> PartitionVectors:
    ids, versions, blobs = zip(*rows, strict=True)
    vectors = np.frombuffer(b"".join(blobs), np.dtype("<f4")).reshape(len(blobs), -1)
    return PartitionVectors(np.array(ids, np.int64), vectors, np.array(versions, np.int64))
