"""The exact part of a partition: a short run of float32 vectors that is compared one by one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.records import Vector

Ids = NDArray[np.int64]
Slots = NDArray[np.intp]
Mask = NDArray[np.bool_]

ROWS = 1024  # 1.5 MB at 384 dimensions: a growing block never copies more than that on the event loop
FIRST_ROWS = 8  # most partitions stay tiny


class Block:
    """Up to `rows` vectors in the order they came. Rows are appended and marked dead, never moved, so a reader on another thread that
    took its arrays before a write goes on unharmed."""

    __slots__ = ("_rows", "alive", "count", "dead", "highest", "ids", "lowest", "sealed", "vectors", "versions")

    def __init__(self, dimension: int, rows: int = ROWS) -> None:
        self.ids: Ids = np.empty(FIRST_ROWS, np.int64)
        self.versions: Ids = np.empty(FIRST_ROWS, np.int64)
        self.vectors: Vector = np.empty((FIRST_ROWS, dimension), np.float32)
        self.alive: Mask = np.empty(FIRST_ROWS, np.bool_)
        self._rows = rows
        self.count = 0
        self.dead = 0
        self.lowest, self.highest = np.iinfo(np.int64).max, np.iinfo(np.int64).min
        self.sealed = False

    @property
    def live(self) -> int:
        """Rows that count."""
        return self.count - self.dead

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return int(self.vectors.shape[1])

    @property
    def bytes(self) -> int:
        """Memory held."""
        return self.ids.nbytes + self.versions.nbytes + self.vectors.nbytes + self.alive.nbytes

    def append(self, ids: Ids, vectors: Vector, versions: Ids) -> int:
        """Append as many of these rows as there is room for; how many that was."""
        taken = 0 if self.sealed else min(len(ids), self._rows - self.count)
        if taken:
            start, end = self.count, self.count + taken
            self._reserve(end)
            self.ids[start:end] = ids[:taken]
            self.vectors[start:end] = vectors[:taken]
            self.versions[start:end] = versions[:taken]
            self.alive[start:end] = True
            self.lowest, self.highest = min(self.lowest, int(ids[:taken].min())), max(self.highest, int(ids[:taken].max()))
            self.count = end
        return taken

    def _reserve(self, rows: int) -> None:
        if rows <= len(self.ids):
            return
        # By an eighth: the slack stays within the 200 bytes an entry may cost beside its vector.
        capacity = min(self._rows, max(rows, len(self.ids) + max(FIRST_ROWS, len(self.ids) // 8)))
        self.ids = _grown(self.ids, capacity)
        self.versions = _grown(self.versions, capacity)
        self.vectors = _grown(self.vectors, capacity)
        self.alive = _grown(self.alive, capacity)

    def find(self, ids: Ids) -> tuple[Slots, Slots]:
        """Where live rows with these ids are: positions in `ids`, and their slots."""
        if len(ids) == 1:  # by far the most frequent call
            slots = np.flatnonzero((self.ids[: self.count] == ids[0]) & self.alive[: self.count])
            return np.zeros(len(slots), np.intp), slots
        slots = np.flatnonzero(np.isin(self.ids[: self.count], ids) & self.alive[: self.count])
        order = np.argsort(ids, kind="stable")
        return order[np.searchsorted(ids, self.ids[slots], sorter=order)], slots

    def kill(self, slots: Slots) -> None:
        """Mark live rows dead."""
        self.alive[slots] = False
        self.dead += len(slots)

    def mask(self) -> Mask:
        """Of every slot whether it is alive."""
        return self.alive[: self.count]

    def live_slots(self) -> Slots:
        """The slots of live rows, ascending."""
        return np.flatnonzero(self.mask())

    def take(self, slots: Slots) -> Vector:
        """The vectors of these slots, float32 [n, d]."""
        return self.vectors[slots]


def _grown(array: NDArray[Any], capacity: int) -> NDArray[Any]:
    grown = np.empty((capacity, *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
