"""Comparing what the index holds with what the store has: the replay after a start and the check while running."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from storage.faiss.block import Block, Ids, Mask
from storage.faiss.graph import Graph
from storage.records import PartitionVectors, Vector
from storage.seams import VectorSource

UNKNOWN = -1  # version of a vector that came through `add`: it is compared, once, with what the store has
FETCH = 512  # vectors read and applied in one go: about a millisecond of the event loop
SAME = 1e-3  # largest distance between a vector and its fp16 form

Segments = Sequence[Block | Graph]


@dataclass(frozen=True, slots=True)
class Difference:
    """Ids to take out of the index, and ids to read from the store because they are missing or may be stale. Both ascending."""

    extra: Ids
    doubtful: Ids

    def __bool__(self) -> bool:
        return bool(len(self.extra) or len(self.doubtful))

    def without(self, ids: set[int]) -> "Difference":
        """What is left when these ids are not looked at."""
        left_out = np.fromiter(ids, np.int64, len(ids))
        return Difference(np.setdiff1d(self.extra, left_out), np.setdiff1d(self.doubtful, left_out))

    def confirmed(self, other: "Difference") -> "Difference":
        """What both found."""
        return Difference(np.intersect1d(self.extra, other.extra), np.intersect1d(self.doubtful, other.doubtful))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Vectors read for doubtful ids: those that the index has not, or differently; and those that it has, with their versions."""

    wrong: PartitionVectors
    right: PartitionVectors

    def without(self, ids: set[int]) -> "Evidence":
        """What is left when these ids are not looked at."""
        left_out = np.fromiter(ids, np.int64, len(ids))
        return Evidence(*(_pick(found, ~np.isin(found.ids, left_out)) for found in (self.wrong, self.right)))


def compare(segments: Segments, source: VectorSource, key: tuple[int, bytes]) -> Difference:
    """Compare the live ids and versions of a partition's segments with those of the store. Blocking."""
    wanted, wanted_versions = source.ids(*key)
    live = [(segment, segment.live_slots()) for segment in segments]
    held = np.concatenate([np.empty(0, np.int64), *(segment.ids[slots] for segment, slots in live)])
    versions = np.concatenate([np.empty(0, np.int64), *(segment.versions[slots] for segment, slots in live)])
    order = np.argsort(held, kind="stable")
    held, versions = held[order], versions[order]
    known = np.isin(held, wanted, assume_unique=True)
    extra, held, versions = held[~known], held[known], versions[known]
    missing = ~np.isin(wanted, held, assume_unique=True)
    doubtful = missing.copy()
    doubtful[~missing] = versions != wanted_versions[~missing]
    return Difference(extra, wanted[doubtful])


def examine(segments: Segments, source: VectorSource, key: tuple[int, bytes], ids: Ids) -> Iterator[Evidence]:
    """Read these ids from the store and tell which of them the segments hold as they should be. Blocking."""
    for slice_ in source.vectors(*key, ids):
        right = _same(segments, slice_.ids, slice_.vectors)
        yield Evidence(_pick(slice_, ~right), _pick(slice_, right))


def _same(segments: Segments, ids: Ids, vectors: Vector) -> Mask:
    same = np.zeros(len(ids), np.bool_)
    for segment in segments:
        positions, slots = segment.find(ids)
        if len(slots) and segment.dimension == vectors.shape[1]:
            same[positions] = np.linalg.norm(segment.take(slots) - vectors[positions], axis=1) <= SAME
    return same


def _pick(slice_: PartitionVectors, mask: Mask) -> PartitionVectors:
    return PartitionVectors(slice_.ids[mask], slice_.vectors[mask], slice_.versions[mask])
