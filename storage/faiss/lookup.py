"""Searching one partition: its graphs and its exact tail, put in one order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.faiss.block import Ids, Mask
from storage.faiss.graph import Graph
from storage.faiss.native import faiss
from storage.records import Neighbour, Vector, VectorQuery

RUN = 16  # blocks whose scores are ranked together: a longer ranking would keep the GIL from the event loop for milliseconds


@dataclass(frozen=True, slots=True)
class View:
    """What a search reads; taken on the event loop, good on any thread."""

    graphs: tuple[Graph, ...]
    tail: tuple[tuple[Vector, Ids, Mask], ...]

    @property
    def exact(self) -> int:
        """Vectors that are compared one by one."""
        return sum(len(ids) for _, ids, _ in self.tail)

    def search(self, queries: Vector, k: int) -> list[list[Neighbour]]:
        """The k nearest of each query [q, d], best first, the smaller id first where scores are equal."""
        found = [graph.search(queries, k) for graph in self.graphs]
        found += [_scan(self.tail[start : start + RUN], queries, k) for start in range(0, len(self.tail), RUN)]
        return [_best([results[row] for results in found], k) if found else [] for row in range(len(queries))]


@dataclass(frozen=True, slots=True)
class Lookup:
    """Queries of one partition that are answered together; `positions` are theirs among all that were asked."""

    positions: Sequence[int]
    vectors: Vector
    k: int
    view: View

    @property
    def work(self) -> int:
        """Multiplications of the exact part."""
        return self.view.exact * self.vectors.size

    def run(self) -> list[list[Neighbour]]:
        """The answers, in order of the positions."""
        return self.view.search(self.vectors, self.k)

    def split(self, size: int) -> "list[Lookup]":
        """The same in parts of at most `size` queries."""
        starts = range(0, len(self.positions), size)
        return [Lookup(self.positions[i : i + size], self.vectors[i : i + size], self.k, self.view) for i in starts]


def gather(queries: Sequence[VectorQuery], positions: Sequence[int], view: View) -> Lookup:
    """The lookup of the queries at these positions, all of the partition that is viewed."""
    vectors = np.stack([queries[position].vector for position in positions], dtype=np.float32)
    return Lookup(positions, vectors, max(queries[position].k for position in positions), view)


def _scan(tail: Sequence[tuple[Vector, Ids, Mask]], queries: Vector, k: int) -> list[tuple[Vector, Ids]]:
    ids = np.concatenate([ids for _, ids, _ in tail])
    alive = np.concatenate([alive for _, _, alive in tail])
    scores = np.empty((len(queries), len(ids)), np.float32)
    start = 0
    for vectors, block_ids, _ in tail:
        _compare(queries, vectors, scores[:, start : start + len(block_ids)])
        start += len(block_ids)
    if not alive.all():
        scores, ids = scores[:, alive], ids[alive]
    return [_leading(row, ids, k) for row in scores]


def _compare(queries: Vector, vectors: Vector, scores: Vector) -> None:
    """Inner products of queries [q, d] with vectors [n, d] into scores [q, n]."""
    if len(queries) == 1 and scores.flags.c_contiguous:
        # One thread and no wake-up of a BLAS pool: the 99th percentile stays near the median.
        rows, dimension = vectors.shape
        faiss.fvec_inner_products_ny(faiss.swig_ptr(scores), faiss.swig_ptr(queries), faiss.swig_ptr(vectors), dimension, rows)
    else:
        np.matmul(queries, vectors.T, out=scores)


def _leading(scores: Vector, ids: Ids, k: int) -> tuple[Vector, Ids]:
    """The k highest and all that equal the last of them."""
    if len(scores) <= k:
        return scores, ids
    kept = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
    return scores[kept], ids[kept]


def _best(found: Sequence[tuple[Vector, Ids]], k: int) -> list[Neighbour]:
    scores = np.clip(np.concatenate([scores for scores, _ in found]), -1.0, 1.0)
    ids = np.concatenate([ids for _, ids in found])
    order = np.lexsort((ids, -scores))[:k]
    return [Neighbour(id, score) for id, score in zip(ids[order].tolist(), scores[order].tolist(), strict=True)]
