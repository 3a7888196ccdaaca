"""One (model, partition): its graphs, its exact tail, and what should become of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from storage.faiss.block import ROWS, Block, Ids
from storage.faiss.graph import Graph
from storage.faiss.lookup import View
from storage.faiss.merging import Job, Merge
from storage.records import Vector

TAKEN = 16_384  # vectors that one job takes off the tail: a very long tail gets shorter every few seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """When a partition is worked on: the tail's length that makes it a graph, vectors per graph, share of tombstones to rebuild at."""

    exact_max: int
    graph_max: int
    dead_share: float


class Partition:
    """Vectors of one partition. Changed on the event loop only; `merge` and View read it from other threads."""

    def __init__(self, dimension: int, limits: Limits, graphs: Sequence[Graph] = ()) -> None:
        self.dimension = dimension
        self.graphs: tuple[Graph, ...] = tuple(graphs)
        self.blocks: tuple[Block, ...] = ()
        self.dropped = False
        self._limits = limits
        self._busy: tuple[Block | Graph, ...] = ()
        self._patience = 0

    @property
    def segments(self) -> tuple[Block | Graph, ...]:
        """All parts."""
        return (*self.graphs, *self.blocks)

    @property
    def empty(self) -> bool:
        """Whether nothing is left of it."""
        return not (self.graphs or self.blocks)

    @property
    def live(self) -> int:
        """Vectors that can be found."""
        return sum(segment.live for segment in self.segments)

    @property
    def dead(self) -> int:
        """Tombstones."""
        return sum(segment.dead for segment in self.segments)

    @property
    def bytes(self) -> int:
        """Memory held."""
        return sum(segment.bytes for segment in self.segments)

    def view(self) -> View:
        """What a search from this moment on reads."""
        tail = tuple((b.vectors[: b.count], b.ids[: b.count], b.alive[: b.count]) for b in self.blocks if b.live)
        return View(self.graphs, tail)

    def add(self, ids: Ids, vectors: Vector, versions: Ids) -> None:
        """Append vectors [n, d] of distinct ids; those that are there already are replaced."""
        self.remove(ids)
        start = 0
        while start < len(ids):
            if not self.blocks or not (taken := self.blocks[-1].append(ids[start:], vectors[start:], versions[start:])):
                self.blocks = (*self.blocks, self._block())
                continue
            start += taken

    def remove(self, ids: Ids) -> int:
        """Take ids out of the search; how many were there."""
        if not len(ids):
            return 0
        removed = 0
        lowest, highest = int(ids.min()), int(ids.max())
        for segment in self.segments:
            if segment.lowest <= highest and lowest <= segment.highest:
                _, slots = segment.find(ids)
                segment.kill(slots)
                removed += len(slots)
        if removed:
            self._tidy()
        return removed

    def adopt(self, ids: Ids, versions: Ids) -> None:
        """Note the versions that these ids are known to have."""
        for segment in self.segments:
            positions, slots = segment.find(ids)
            segment.versions[slots] = versions[positions]

    def _tidy(self) -> None:
        """Close the gaps of blocks that are half dead. Copies at most one block each."""
        if any(self._gappy(block) for block in self.blocks):
            self.blocks = tuple(self._packed(block) if self._gappy(block) else block for block in self.blocks)
            self.blocks = tuple(block for block in self.blocks if block.count)

    def _gappy(self, block: Block) -> bool:
        return 2 * block.dead >= block.count and block not in self._busy

    def _block(self) -> Block:
        return Block(self.dimension, min(ROWS, max(1, self._limits.exact_max)))

    def _packed(self, block: Block) -> Block:
        packed, slots = self._block(), block.live_slots()
        if len(slots):
            packed.append(block.ids[slots], block.vectors[slots], block.versions[slots])
        return packed

    @property
    def due(self) -> bool:
        """Whether `plan` would have something to do."""
        return self._tail_too_long or any(self._worn(graph) for graph in self.graphs)

    @property
    def _tail_too_long(self) -> bool:
        return sum(block.live for block in self.blocks) > self._limits.exact_max + self._patience

    def _worn(self, graph: Graph) -> bool:
        return graph.dead >= self._limits.dead_share * graph.count + self._patience

    def plan(self) -> Job | None:
        """What to do next in the background, if anything. Its parts are left as they are until `publish` or `give_up`."""
        job = self._rebuild() or (self._growth() if self._tail_too_long else None)
        self._busy = job.parts if job else ()
        return job

    def _rebuild(self) -> Job | None:
        graph = next(filter(self._worn, self.graphs), None)
        if graph is None:
            return None
        return Job(self._roomy(graph.live, besides=graph) if graph.live else None, (graph,))

    def _growth(self) -> Job:
        taken: list[Block] = []
        rows = 0
        for block in self.blocks:
            if taken and rows + block.live > min(self._limits.graph_max, max(self._limits.exact_max, TAKEN)):
                break
            block.sealed = True
            taken.append(block)
            rows += block.live
        return Job(self._roomy(rows), tuple(taken))

    def _roomy(self, rows: int, besides: Graph | None = None) -> Graph | None:
        fitting = [graph for graph in self.graphs if graph is not besides and graph.count + rows <= self._limits.graph_max]
        return max(fitting, key=lambda graph: graph.count, default=None)

    def is_full(self, graph: Graph) -> bool:
        """Whether it has no room for another tail."""
        return graph.count + self._limits.exact_max > self._limits.graph_max

    def publish(self, merge: Merge) -> None:
        """Let the built graph take the place of what it was made of."""
        merge.settle()
        gone = {id(part) for part in self._busy}
        kept = tuple(graph for graph in self.graphs if id(graph) not in gone)
        self.graphs = kept if merge.graph is None else (*kept, merge.graph)
        self.blocks = tuple(block for block in self.blocks if id(block) not in gone)
        self._busy, self._patience = (), 0

    def give_up(self) -> None:
        """The build failed: leave all as it is and try again when the tail is longer."""
        self._busy = ()
        self._patience += self._limits.exact_max
