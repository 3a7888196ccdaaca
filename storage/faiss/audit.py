"""Comparing what the index holds with what the store has: the replay after a start and the check while running."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from storage.faiss.block import Block, Ids, Mask
from storage.faiss.graph import Graph
from storage.records import PartitionVectors, Vector
from storage.seams import VectorSource

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


@dataclass(frozen=True, slots=True)
class Evidence:
    """Vectors read for doubtful ids: those that the index has not, or differently; and those that it has, with their versions."""

    wrong: PartitionVectors
    right: PartitionVectors

    def only(self, chosen: Callable[[Ids], Ids]) -> "Evidence":
        """What concerns the ids that are chosen among those it is about."""
        return Evidence(*(_pick(found, np.isin(found.ids, chosen(found.ids))) for found in (self.wrong, self.right)))


def compare(segments: Segments, source: VectorSource, key: tuple[int, bytes]) -> Difference:
    """Compare the live ids and versions of a partition's segments with those of the store. Blocking."""
    wanted, wanted_versions = source.ids(*key)
    live = [(segment, segment.live_slots()) for segment in segments]
    held = np.concatenate([np.empty(0, np.int64), *(segment.ids[slots] for segment, slots in live)])
    versions = np.concatenate([np.empty(0, np.int64), *(segment.versions[slots] for segment, slots in live)])
    # Sorted; an id that is replaced at this moment may have been met in both its places.
    held, first = np.unique(held, return_index=True)
    versions = versions[first]
    known = np.isin(held, wanted, assume_unique=True)
    extra, held, versions = held[~known], held[known], versions[known]
    missing = ~np.isin(wanted, held, assume_unique=True)
    doubtful = missing.copy()
    doubtful[~missing] = versions != wanted_versions[~missing]
    return Difference(extra, wanted[doubtful])


def confirm(found: Difference, segments: Segments, source: VectorSource, key: tuple[int, bytes]) -> Difference:
    """What of a difference is still there. Blocking."""
    again = compare(segments, source, key)
    return Difference(np.intersect1d(found.extra, again.extra), np.intersect1d(found.doubtful, again.doubtful))


def examine(segments: Segments, source: VectorSource, key: tuple[int, bytes], ids: Ids) -> list[Evidence]:
    """Read these ids (FETCH of them at most) from the store and tell which of them the segments hold as they should be. Blocking."""
    evidences = []
    for slice_ in source.vectors(*key, ids):
        right = _same(segments, slice_.ids, slice_.vectors)
        evidences.append(Evidence(_pick(slice_, ~right), _pick(slice_, right)))
    return evidences


def chunks(ids: Ids) -> Iterator[Ids]:
    """Ids in portions for `examine`."""
    return (ids[start : start + FETCH] for start in range(0, len(ids), FETCH))


def _same(segments: Segments, ids: Ids, vectors: Vector) -> Mask:
    same = np.zeros(len(ids), np.bool_)
    for segment in segments:
        positions, slots = segment.find(ids)
        if len(slots) and segment.dimension == vectors.shape[1]:
            same[positions] = np.linalg.norm(segment.take(slots) - vectors[positions], axis=1) <= SAME
    return same


def _pick(slice_: PartitionVectors, mask: Mask) -> PartitionVectors:
    return PartitionVectors(slice_.ids[mask], slice_.vectors[mask], slice_.versions[mask])
