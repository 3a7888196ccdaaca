"""The background work of an index: one thread, one item per partition."""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from storage.faiss.graph import Graph, Shape
from storage.faiss.merging import Job, Merge, merge
from storage.faiss.native import faiss
from storage.faiss.partition import Partition
from storage.faiss.snapshot import Key, SnapshotFolder

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("storage.faiss")

# Share of a graph that is not on disk yet at which it is written again: each vector is written a few times in all. A full graph is written
# whatever its share, as nothing else would make it complete on disk before the server is closed.
STORE_SHARE = 0.2
NICENESS = 10  # builds give way to lookups


class Builder:
    """Turns long tails into graphs and graphs full of tombstones into new ones, and keeps graphs on disk.

    Lives on the event loop; only building and writing run on its thread. A failed build is logged and leaves all as it was.
    """

    def __init__(self, partitions: MutableMapping[Key, Partition], folder: SnapshotFolder, shape: Shape) -> None:
        self.built = 0
        self._partitions = partitions
        self._folder = folder
        self._shape = shape
        self._thread = ThreadPoolExecutor(1, "faiss-build", _start)
        self._due: dict[Key, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = threading.Event()

    def schedule(self, key: Key) -> None:
        """Take a partition on where there is something to do for it."""
        partition = self._partitions.get(key)
        if partition is None or not partition.due or self._stopping.is_set():
            return
        self._due[key] = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def settled(self) -> None:
        """Wait until nothing is under way or due."""
        while self._task and not self._task.done():
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Give up the build that is under way (its vectors are safe in the store) and take nothing more on."""
        self._stopping.set()
        await self.settled()

    async def close(self) -> None:
        """End the thread; after `stop`."""
        await asyncio.to_thread(self._thread.shutdown)

    async def store(self, key: Key, graph: Graph) -> None:
        """Write a graph's snapshot. Where that fails the graph is in memory only, and the next start reads the store."""
        try:
            name = await self._run(self._folder.write, key, graph)
        except (OSError, RuntimeError) as error:
            log.warning("event=snapshot-failed %s reason=%r", named(key), str(error))
            return
        graph.stored, graph.unstored = (name,), 0

    async def _run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do blocking work on the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args, **kwargs))

    async def _work(self) -> None:
        while self._due and not self._stopping.is_set():
            key = next(iter(self._due))
            del self._due[key]
            partition = self._partitions.get(key)
            if partition and await self._improve(key, partition):
                self.schedule(key)  # at the end of the queue: other partitions first

    async def _improve(self, key: Key, partition: Partition) -> bool:
        """Build, publish and write what the partition plans; whether something was done."""
        job = partition.plan()
        if job is None:
            return False
        files = job.files
        merged = await self._merge(key, partition, job)
        if merged is None or partition.dropped:
            partition.give_up()
            return False
        partition.publish(merged)
        self.built += 1
        if partition.empty:
            del self._partitions[key]
        graph, retired = merged.graph, [job, merged]
        # The last references end on the thread: giving back hundreds of megabytes takes milliseconds.
        del job, merged
        await self._run(retired.clear)
        await self._keep(key, partition, graph, files)
        return True

    async def _merge(self, key: Key, partition: Partition, job: Job) -> Merge | None:
        try:
            return await self._run(merge, job, self._shape, lambda: partition.dropped or self._stopping.is_set())
        except (RuntimeError, MemoryError) as error:
            log.error("event=build-failed %s reason=%r action=goes-on-without", named(key), str(error))  # noqa: TRY400
            return None

    async def _keep(self, key: Key, partition: Partition, graph: Graph | None, files: tuple[str, ...]) -> None:
        if graph is None:
            await self._run(self._folder.remove, files)
        elif graph.unstored >= STORE_SHARE * graph.count or partition.is_full(graph):
            await self.store(key, graph)
        if partition.dropped and graph:  # meanwhile: `drop` could not know of the file just written
            await self._run(self._folder.remove, graph.stored)


def _start() -> None:
    faiss.omp_set_num_threads(1)
    if sys.platform == "linux":  # pragma: no branch - only there a thread has a niceness of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def named(key: Key) -> str:
    """How a partition is called in the log."""
    return f"model={key[0]} partition={key[1].hex()}"
