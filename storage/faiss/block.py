"""The exact part of a partition: a short run of float32 vectors that is compared one by one."""

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.records import Vector

Ids = NDArray[np.int64]
Slots = NDArray[np.intp]
Mask = NDArray[np.bool_]

ROWS = 1024  # 1.5 MB at 384 dimensions
FIRST_ROWS = 8  # most partitions stay tiny
MAPPED_ROWS = 64  # a block that gets longer has all its rows mapped: memory is taken page by page as they are written


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
        """Memory held: what is mapped but not written yet takes none."""
        rows = self.count if len(self.ids) > MAPPED_ROWS else len(self.ids)
        return self.ids.nbytes + self.versions.nbytes + self.alive.nbytes + rows * self.dimension * self.vectors.itemsize

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
        capacity = min(self._rows, max(rows, 2 * len(self.ids)))
        if capacity > MAPPED_ROWS:
            capacity = self._rows
        self.ids = _copied(self.ids, np.empty(capacity, np.int64))
        self.versions = _copied(self.versions, np.empty(capacity, np.int64))
        self.alive = _copied(self.alive, np.empty(capacity, np.bool_))
        self.vectors = _copied(self.vectors, _room(capacity, self.dimension))

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


def _room(rows: int, dimension: int) -> Vector:
    if rows <= MAPPED_ROWS:
        return np.empty((rows, dimension), np.float32)
    # Its own mapping rather than the heap: blocks come and go by the gigabyte, and the heap would keep what they leave.
    pages = mmap.mmap(-1, rows * dimension * 4, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, np.float32).reshape(rows, dimension)


def _copied(old: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
    new[: len(old)] = old
    return new
