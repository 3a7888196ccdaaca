"""The approximate part of a partition: an HNSW graph that nobody changes once it is seen by searches, except for its tombstones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.faiss.block import Ids, Mask, Slots
from storage.faiss.native import faiss
from storage.records import Vector

WIDER = 8  # how much further a search looks when tombstones left it with too few results


@dataclass(frozen=True, slots=True)
class Shape:
    """How graphs are made and searched: links per node, breadth of the search while building and while looking up."""

    m: int
    ef_construction: int
    ef_search: int


class Graph:
    """Vectors as fp16 (half the memory traffic, scores within 1e-3) linked for search.

    FAISS cannot remove from HNSW and its adds exclude searches: so slots are only ever tombstoned here, and growing means building
    another graph that takes this one's place.
    """

    __slots__ = (
        "_order",
        "_selector",
        "_storage",
        "bitmap",
        "count",
        "dead",
        "ef_search",
        "highest",
        "ids",
        "index",
        "lowest",
        "stored",
        "unstored",
        "versions",
    )

    def __init__(self, index: Any, ids: Ids, versions: Ids, *, ef_search: int) -> None:
        self.index = index
        self._storage = faiss.downcast_index(index.storage)
        self.ids, self.versions = ids, versions
        self.count = len(ids)
        self.lowest, self.highest = int(ids.min()), int(ids.max())
        # Ids mostly ascend: the order is kept only where they do not.
        self._order: NDArray[np.int32] | None = None if np.all(ids[1:] >= ids[:-1]) else np.argsort(ids, kind="stable").astype(np.int32)
        self.ef_search = ef_search
        self.bitmap: NDArray[np.uint8] = np.full((self.count + 7) // 8, 0xFF, np.uint8)
        self._selector = faiss.IDSelectorBitmap(self.bitmap)
        self.dead = 0
        self.stored: tuple[str, ...] = ()  # snapshot files whose vectors this graph contains
        self.unstored = self.count

    def __del__(self) -> None:
        # FAISS gives memory back in its destructor, which holds the GIL: 10 ms for 100 MB. Moving nothing into its place does not.
        self.index.reset()
        self.index.permute_entries(np.empty(0, np.int64))

    @property
    def live(self) -> int:
        """Slots that count."""
        return self.count - self.dead

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return int(self.index.d)

    @property
    def bytes(self) -> int:
        """Memory held."""
        hnsw = self.index.hnsw
        links = 4 * hnsw.neighbors.size() + 8 * hnsw.offsets.size() + 4 * hnsw.levels.size()
        order = 0 if self._order is None else self._order.nbytes
        return int(self._storage.codes.size() + links + order + self.ids.nbytes + self.versions.nbytes + self.bitmap.nbytes)

    def find(self, ids: Ids) -> tuple[Slots, Slots]:
        """Where live slots with these ids are: positions in `ids`, and the slots."""
        first = np.searchsorted(self.ids, ids, side="left", sorter=self._order)
        last = np.searchsorted(self.ids, ids, side="right", sorter=self._order)
        lengths = last - first  # above 1 where an id was replaced: at most one of its slots is alive
        positions = np.repeat(np.arange(len(ids)), lengths)
        ranks = np.arange(len(positions)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(first, lengths)
        slots = ranks if self._order is None else self._order[ranks].astype(np.intp)
        alive = self._living(slots)
        return positions[alive], slots[alive]

    def kill(self, slots: Slots) -> None:
        """Tombstone live slots; searches honour it at once."""
        np.bitwise_and.at(self.bitmap, slots >> 3, ~(1 << (slots & 7)).astype(np.uint8))
        self.dead += len(slots)

    def mask(self) -> Mask:
        """Of every slot whether it is alive."""
        return np.unpackbits(self.bitmap, count=self.count, bitorder="little").view(np.bool_)

    def live_slots(self) -> Slots:
        """The slots that are not tombstoned, ascending."""
        return np.flatnonzero(self.mask())

    def take(self, slots: Slots) -> Vector:
        """The vectors of these slots, float32 [n, d]."""
        vectors: Vector = self._storage.reconstruct_batch(slots.astype(np.int64))
        return vectors

    def search(self, queries: Vector, k: int) -> list[tuple[Vector, Ids]]:
        """Scores and ids of at least the k nearest live vectors of each query [q, d], in any order; fewer only if there are fewer."""
        wanted = min(k, self.live)
        if wanted == 0:
            return [(np.empty(0, np.float32), np.empty(0, np.int64))] * len(queries)
        breadth = max(self.ef_search, 2 * wanted)
        found = self._walk(queries, breadth)
        for row, (scores, _) in enumerate(found):
            if len(scores) < wanted:
                found[row] = self._walk_wider(queries[row : row + 1], breadth, wanted)
        return [(scores, self.ids[slots]) for scores, slots in found]

    def _walk(self, queries: Vector, breadth: int) -> list[tuple[Vector, Slots]]:
        # Tombstones are taken out of what was found, not passed over on the way: so it shows when they crowd a neighbourhood.
        scores, slots = self.index.search(queries, min(breadth, self.count), params=faiss.SearchParametersHNSW(efSearch=breadth))
        kept = (slots >= 0) & self._living(slots)
        return [(row_scores[mask], row_slots[mask]) for row_scores, row_slots, mask in zip(scores, slots, kept, strict=True)]

    def _walk_wider(self, query: Vector, breadth: int, wanted: int) -> tuple[Vector, Slots]:
        """Where tombstones used up the whole breadth of a search: look further once, then at everything."""
        (found,) = self._walk(query, min(WIDER * breadth, self.count))
        if len(found[0]) >= wanted:
            return found
        scores, slots = self._storage.search(query, wanted, params=faiss.SearchParameters(sel=self._selector))
        kept = slots[0] >= 0
        return scores[0][kept], slots[0][kept]

    def _living(self, slots: Slots) -> Mask:
        living: Mask = (self.bitmap[slots >> 3] >> (slots & 7).astype(np.uint8) & 1).astype(np.bool_)
        return living
