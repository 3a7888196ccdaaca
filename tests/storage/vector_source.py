"""A vector source in memory, and a few vectors."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from storage.records import PartitionVectors, Vector

DIMENSION = 8


class MemorySource:
    """What a store would hold; `slice_size` rows at a time."""

    def __init__(self, *, slice_size: int = 7) -> None:
        self.rows: dict[tuple[int, bytes, int], tuple[Vector, int]] = {}
        self.fetched: list[int] = []
        self._slice_size = slice_size
        self._version = 0

    def put(self, model_id: int, partition: bytes, id: int, vector: Vector) -> int:
        """Store a vector; its version."""
        self._version += 1
        self.rows[model_id, partition, id] = (vector, self._version)
        return self._version

    def delete(self, model_id: int, partition: bytes, id: int) -> None:
        """Take a row away, if it is there."""
        self.rows.pop((model_id, partition, id), None)

    def partitions(self) -> list[tuple[int, bytes, int]]:
        counts = Counter((model_id, partition) for model_id, partition, _ in self.rows)
        return [(model_id, partition, count) for (model_id, partition), count in counts.items()]

    def ids(self, model_id: int, partition: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        found = self._sorted(model_id, partition)
        return np.array([id for id, _, _ in found], np.int64), np.array([version for _, _, version in found], np.int64)

    def vectors(self, model_id: int, partition: bytes, ids: NDArray[np.int64] | None = None) -> Iterator[PartitionVectors]:
        wanted = None if ids is None else set(ids.tolist())
        found = [row for row in self._sorted(model_id, partition) if wanted is None or row[0] in wanted]
        for start in range(0, len(found), self._slice_size):
            slice_ids, vectors, versions = zip(*found[start : start + self._slice_size], strict=True)
            self.fetched.extend(slice_ids)
            yield PartitionVectors(np.array(slice_ids, np.int64), np.stack(vectors), np.array(versions, np.int64))

    def _sorted(self, model_id: int, partition: bytes) -> list[tuple[int, Vector, int]]:
        places = sorted(place for place in self.rows if place[:2] == (model_id, partition))
        return [(place[2], *self.rows[place]) for place in places]


def unit_vectors(count: int, *, seed: int = 0, dimension: int = DIMENSION) -> Vector:
    """Random directions, float32 [count, dimension]."""
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
