"""Building a graph from other parts of a partition, beside them, while they go on serving searches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from storage.faiss.block import Block, Slots
from storage.faiss.graph import Graph, Shape
from storage.faiss.native import faiss

CHUNK = 256  # vectors added between two looks at whether to give up: about a tenth of a second


@dataclass(frozen=True, slots=True)
class Job:
    """A graph of all of `base` and the live vectors of `sources` is to take the place of them."""

    base: Graph | None
    sources: tuple[Block | Graph, ...]

    @property
    def parts(self) -> tuple[Block | Graph, ...]:
        """All that the new graph replaces."""
        return self.sources if self.base is None else (self.base, *self.sources)

    @property
    def files(self) -> tuple[str, ...]:
        """The snapshots of what is replaced."""
        return tuple(name for part in self.parts if isinstance(part, Graph) for name in part.stored)


@dataclass(frozen=True, slots=True)
class Merge:
    """A finished build: the new graph (None if nothing was alive) and, in order of its slots, where they come from."""

    graph: Graph | None
    origins: tuple[tuple[Block | Graph, Slots], ...]

    def settle(self) -> None:
        """Give the new graph the tombstones that its origins have by now: some may have come during the build."""
        if self.graph:
            alive = np.concatenate([origin.mask()[slots] for origin, slots in self.origins])
            self.graph.kill(np.flatnonzero(~alive))


def merge(job: Job, shape: Shape, stopped: Callable[[], bool]) -> Merge | None:
    """Build the graph; None if `stopped` said so on the way.

    Runs for seconds to minutes, hardly ever holding the GIL; only reads what it builds from.
    """
    base = job.base
    added = tuple((source, source.live_slots()) for source in job.sources)
    index = _empty(job.sources[0].dimension, shape) if base is None else faiss.clone_index(base.index)
    for source, slots in added:
        for start in range(0, len(slots), CHUNK):
            if stopped():
                return None
            index.add(source.take(slots[start : start + CHUNK]))
    origins = added if base is None else ((base, np.arange(base.count)), *added)
    if index.ntotal == 0:
        return Merge(None, origins)
    ids = np.concatenate([origin.ids[slots] for origin, slots in origins])
    versions = np.concatenate([origin.versions[slots] for origin, slots in origins])
    graph = Graph(index, ids, versions, ef_search=shape.ef_search)
    graph.stored = job.files
    graph.unstored = graph.count if base is None else base.unstored + graph.count - base.count
    return Merge(graph, origins)


def _empty(dimension: int, shape: Shape) -> Any:
    index = faiss.IndexHNSWSQ(dimension, faiss.ScalarQuantizer.QT_fp16, shape.m, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = shape.ef_construction
    return index
