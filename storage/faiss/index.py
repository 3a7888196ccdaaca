"""The vector index that lives in the process."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np

from storage.faiss.audit import Evidence, Segments, chunks, compare, confirm, examine
from storage.faiss.block import Ids
from storage.faiss.builder import Builder, named
from storage.faiss.graph import Shape
from storage.faiss.lookup import Lookup, gather
from storage.faiss.native import faiss
from storage.faiss.partition import Limits, Partition
from storage.faiss.recovery import recover
from storage.faiss.snapshot import Key, SnapshotFolder
from storage.records import Neighbour, PartitionVectors, VectorQuery, VectorRecord
from storage.seams import VectorSource

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("storage.faiss")

INLINE_WORK = 4_000_000  # multiplications done on the event loop in one search: about 0.4 ms, and a thread hop costs 0.1 ms
BATCH = 8  # queries that one thread looks up in a graph in one go; more are shared out among the threads


@dataclass(slots=True)
class Watch:
    """What happened to a partition while it is checked."""

    key: Key
    ids: set[int] = field(default_factory=set)
    dropped: bool = False

    def untouched(self, ids: Ids) -> Ids:
        """Those of these ids that nobody wrote meanwhile."""
        return ids[~np.isin(ids, np.fromiter(self.ids, np.int64, len(self.ids)))]


class FaissIndex:
    """Similarity search in memory: exact while a partition is small, HNSW graphs beyond.

    Writes take effect on the event loop before the call suspends. A new vector joins its partition's exact tail; one background thread
    turns long tails into graphs beside the old ones and puts them in their place when done, so searches never wait for a build.

    Args:
        directory: where graphs are kept between runs; made if absent. One process at a time.
        exact_max: vectors of a partition that are compared one by one; more become a graph.
        graph_max: vectors per graph; a larger partition has several. Bounds what a build, a rebuild or a snapshot takes.
        m: links per vector and level of a graph.
        ef_construction: breadth of the search while building.
        ef_search: breadth of a lookup; raised where k asks for more.
        dead_share: share of tombstones at which a graph is built anew.
        threads: for searches that are too long for the event loop.
        close_seconds: after this time `close` begins to write no further snapshot.
    """

    def __init__(
        self,
        directory: Path,
        *,
        exact_max: int = 4096,
        graph_max: int = 131_072,
        m: int = 32,
        ef_construction: int = 200,
        ef_search: int = 64,
        dead_share: float = 0.2,
        threads: int = 2,
        close_seconds: float = 5.0,
    ) -> None:
        self._limits = Limits(exact_max, graph_max, dead_share)
        self._shape = Shape(m, ef_construction, ef_search)
        self._close_seconds = close_seconds
        self._partitions: dict[Key, Partition] = {}
        self._dimensions: dict[int, int] = {}
        self._folder = SnapshotFolder(directory)
        self._builder = Builder(self._partitions, self._folder, self._shape)
        self._searchers = ThreadPoolExecutor(threads, "faiss-search", faiss.omp_set_num_threads, (1,))
        self._reader = ThreadPoolExecutor(1, "faiss-source")
        self._source: VectorSource
        self._checking = asyncio.Lock()
        self._watch: Watch | None = None
        self._closed = False

    @property
    def vectors(self) -> int:
        """Vectors that can be found."""
        return sum(partition.live for partition in self._partitions.values())

    @property
    def tombstones(self) -> int:
        """Vectors that are dead but still take up memory."""
        return sum(partition.dead for partition in self._partitions.values())

    @property
    def graphs(self) -> int:
        """Graphs in use."""
        return sum(len(partition.graphs) for partition in self._partitions.values())

    @property
    def memory(self) -> int:
        """Bytes held by vectors, links, ids and tombstones."""
        return sum(partition.bytes for partition in self._partitions.values())

    @property
    def builds(self) -> int:
        """Background builds done."""
        return self._builder.built

    async def open(self, source: VectorSource) -> None:
        """Load the snapshots and bring them to the state of the store. Writes may begin when this has returned.

        Raises what the source raises; a snapshot that cannot be used is no error, only slower.
        """
        self._source = source
        self._partitions.update(await self._read(recover, self._folder, source, self._limits, self._shape))
        for key, partition in self._partitions.items():
            self._dimensions[key[0]] = partition.dimension
            self._builder.schedule(key)

    async def close(self) -> None:
        """Give up a build or check that is under way, write snapshots while time allows, let go of threads and memory."""
        self._closed = True
        await self._builder.stop()
        async with self._checking:
            await self._store()
        self._partitions.clear()
        await self._builder.close()
        await asyncio.to_thread(self._searchers.shutdown)
        await asyncio.to_thread(self._reader.shutdown)

    async def _store(self) -> None:
        deadline = time.monotonic() + self._close_seconds
        changed = [(key, graph) for key, partition in self._partitions.items() for graph in partition.graphs if graph.unstored]
        for key, graph in changed:
            if time.monotonic() < deadline:
                await self._builder.store(key, graph)

    async def settled(self) -> None:
        """Wait until no background work is under way or due."""
        await self._builder.settled()

    async def add(self, records: Sequence[VectorRecord]) -> None:
        """Make vectors searchable; an id that is there already gets the new vector.

        Raises ValueError, before anything is changed, where a vector's length is not the model's.
        """
        dimensions = dict(self._dimensions)
        for record in records:
            _require(record.model_id, dimensions.setdefault(record.model_id, len(record.vector)), record.vector.shape)
        self._dimensions = dimensions
        for key, group in groupby(records, lambda record: (record.model_id, record.partition)):
            latest = {record.id: record for record in group}
            self._note(key, latest)
            ids = np.fromiter(latest, np.int64, len(latest))
            vectors = np.stack([record.vector for record in latest.values()])
            versions = np.fromiter((record.version for record in latest.values()), np.int64, len(latest))
            self._put(key, PartitionVectors(ids, vectors, versions))

    def _put(self, key: Key, new: PartitionVectors) -> None:
        dimension = self._dimensions.setdefault(key[0], new.vectors.shape[1])
        _require(key[0], dimension, new.vectors.shape[1:])
        partition = self._partitions.get(key)
        if partition is None:
            partition = self._partitions[key] = Partition(dimension, self._limits)
        partition.add(new.ids, new.vectors, new.versions)
        self._builder.schedule(key)

    async def remove(self, model_id: int, partition: bytes, ids: Sequence[int]) -> None:
        """Take ids out of the search, at once; those that are not there are passed over."""
        self._note((model_id, partition), ids)
        self._take((model_id, partition), np.unique(np.array(ids, np.int64)))

    def _take(self, key: Key, ids: Ids) -> None:
        partition = self._partitions.get(key)
        if partition:
            partition.remove(ids)
            self._builder.schedule(key)
            if partition.empty:
                del self._partitions[key]

    async def drop(self, model_id: int, partition: bytes | None = None) -> None:
        """Forget a whole model, or one of its partitions."""
        watch = self._watch
        if watch and watch.key[0] == model_id and partition in (None, watch.key[1]):
            watch.dropped = True
        if partition is None:
            self._dimensions.pop(model_id, None)
        dropped = [self._partitions.pop(key) for key in list(self._partitions) if key[0] == model_id and partition in (None, key[1])]
        for gone in dropped:
            gone.dropped = True
        self._searchers.submit(_discard, self._folder, dropped)

    async def search(self, queries: Sequence[VectorQuery]) -> list[list[Neighbour]]:
        """The nearest neighbours of each query, best first, the smaller id first where scores are equal.

        Raises ValueError where a vector's length is not the model's.
        """
        inline, apart = self._lookups(queries)
        positions = list(chain.from_iterable(lookup.positions for lookup in (*inline, *apart)))
        loop = asyncio.get_running_loop()
        threads = [loop.run_in_executor(self._searchers, lookup.run) for lookup in apart]
        del apart  # the last to hold a graph that was replaced meanwhile should be a thread: freeing it takes milliseconds
        answers = [lookup.run() for lookup in inline]
        if threads:
            answers += await asyncio.gather(*threads)
        results: list[list[Neighbour]] = [[] for _ in queries]
        for position, neighbours in zip(positions, chain.from_iterable(answers), strict=True):
            results[position] = neighbours[: queries[position].k]
        return results

    def _lookups(self, queries: Sequence[VectorQuery]) -> tuple[list[Lookup], list[Lookup]]:
        """What to do at once on the event loop, and what on threads."""
        groups: defaultdict[Key, list[int]] = defaultdict(list)
        for position, query in enumerate(queries):
            _require(query.model_id, self._dimensions.get(query.model_id, len(query.vector)), query.vector.shape)
            if (query.model_id, query.partition) in self._partitions and query.k > 0:
                groups[query.model_id, query.partition].append(position)
        inline: list[Lookup] = []
        apart: list[Lookup] = []
        allowed = INLINE_WORK
        for key, positions in groups.items():
            lookup = gather(queries, positions, self._partitions[key].view())
            if not lookup.view.graphs and lookup.work <= allowed:
                allowed -= lookup.work
                inline.append(lookup)
            else:
                apart += lookup.split(BATCH) if lookup.view.graphs else [lookup]
        return inline, apart

    async def check(self) -> int:
        """Compare every partition with the source, repair those that differ while lookups and writes go on; how many differed."""
        async with self._checking:
            stored = await self._read(self._source.partitions)
            keys = {(model_id, partition) for model_id, partition, _ in stored} | set(self._partitions)
            return sum([await self._check(key) for key in sorted(keys) if not self._closed])

    async def _check(self, key: Key) -> bool:
        """Whether a partition differed. What was written since the check of it began is left alone: it is newer than what was read."""
        self._watch = watch = Watch(key)
        try:
            found = await self._read(compare, self._segments(key), self._source, key)
            if found:
                # Rows that were committed but not yet added when the store was read have arrived by the second look.
                found = await self._read(confirm, found, self._segments(key), self._source, key)
            extra, wrong = await self._remove(watch, found.extra), await self._renew(watch, found.doubtful)
        finally:
            self._watch = None
        if watch.dropped or not extra + wrong:
            return False
        log.warning("event=index-differed %s extra=%d missing-or-stale=%d action=repaired", named(key), extra, wrong)
        return True

    async def _remove(self, watch: Watch, extra: Ids) -> int:
        """Take out what the store has not; how many that were."""
        removed = 0
        for ids in map(watch.untouched, chunks(extra)):
            self._take(watch.key, ids)
            removed += len(ids)
            await asyncio.sleep(0)
        return removed

    async def _renew(self, watch: Watch, doubtful: Ids) -> int:
        """Read from the store what is missing or may be stale and take over what is not the same; how many that were."""
        renewed = 0
        for ids in chunks(doubtful):
            evidences = await self._read(examine, self._segments(watch.key), self._source, watch.key, ids)
            if watch.dropped or self._closed:
                break
            renewed += sum(self._apply(watch, evidence) for evidence in evidences)
        return renewed

    def _apply(self, watch: Watch, evidence: Evidence) -> int:
        evidence = evidence.only(watch.untouched)
        if watch.key in self._partitions:
            self._partitions[watch.key].adopt(evidence.right.ids, evidence.right.versions)
        if len(evidence.wrong.ids):
            self._put(watch.key, evidence.wrong)
        return len(evidence.wrong.ids)

    async def _read(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do blocking work on the thread that reads the source: a build on the other one may take a minute."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, partial(work, *args, **kwargs))

    def _segments(self, key: Key) -> Segments:
        partition = self._partitions.get(key)
        return partition.segments if partition else ()

    def _note(self, key: Key, ids: Iterable[int]) -> None:
        if self._watch and self._watch.key == key:
            self._watch.ids.update(ids)


def _require(model_id: int, dimension: int, shape: tuple[int, ...]) -> None:
    if shape != (dimension,):
        found = " x ".join(map(str, shape))
        raise ValueError(
            f"vector of {found} dimensions for model {model_id}, whose vectors have {dimension}: embed with the model's own embedder"
        )


def _discard(folder: SnapshotFolder, dropped: list[Partition]) -> None:
    """Delete the files and free the memory of dropped partitions: too slow for the event loop when they are large."""
    for partition in dropped:
        folder.remove([name for graph in partition.graphs for name in graph.stored])
    dropped.clear()
