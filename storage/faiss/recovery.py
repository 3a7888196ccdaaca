"""From snapshots and the store to partitions that are up to date."""

import logging
from collections.abc import Sequence
from itertools import chain

import numpy as np

from storage.faiss.audit import chunks, compare, examine
from storage.faiss.graph import Graph, Shape
from storage.faiss.partition import Limits, Partition
from storage.faiss.snapshot import Key, SnapshotFolder
from storage.seams import VectorSource

log = logging.getLogger("storage.faiss")


def recover(folder: SnapshotFolder, source: VectorSource, limits: Limits, shape: Shape) -> dict[Key, Partition]:
    """Every partition that the store has, from snapshots where there are any, read anew where not. Blocking.

    Files of partitions that the store has not are deleted.
    """
    files = folder.open()
    partitions = {}
    for model_id, digest, _ in source.partitions():
        key = (model_id, digest)
        graphs = _load(folder, key, files.pop(key, []), source, shape)
        partition = _replay(key, graphs, source, limits) if graphs else _read(key, source, limits)
        if partition:
            partitions[key] = partition
    for names in files.values():
        folder.remove(names)
    graph_count = sum(len(partition.graphs) for partition in partitions.values())
    vectors = sum(partition.live for partition in partitions.values())
    log.info("event=index-opened partitions=%d vectors=%d graphs=%d", len(partitions), vectors, graph_count)
    return partitions


def _load(folder: SnapshotFolder, key: Key, names: Sequence[str], source: VectorSource, shape: Shape) -> list[Graph]:
    dimension = _dimension(key, source) if names else 0
    read = (folder.read(key, name, dimension=dimension, ef_search=shape.ef_search) for name in names)
    return [graph for graph in read if graph]


def _replay(key: Key, graphs: Sequence[Graph], source: VectorSource, limits: Limits) -> Partition:
    _bury_doubles(graphs)
    partition = Partition(graphs[0].dimension, limits, graphs)
    difference = compare(graphs, source, key)
    partition.remove(difference.extra)
    for evidence in chain.from_iterable(examine(graphs, source, key, ids) for ids in chunks(difference.doubtful)):
        partition.adopt(evidence.right.ids, evidence.right.versions)
        partition.add(evidence.wrong.ids, evidence.wrong.vectors, evidence.wrong.versions)
    return partition


def _read(key: Key, source: VectorSource, limits: Limits) -> Partition | None:
    partition = None
    for slice_ in source.vectors(*key):
        partition = partition or Partition(slice_.vectors.shape[1], limits)
        partition.add(slice_.ids, slice_.vectors, slice_.versions)
    return partition


def _dimension(key: Key, source: VectorSource) -> int:
    """Length of the store's vectors, 0 if it has none."""
    ids, _ = source.ids(*key)
    return next((slice_.vectors.shape[1] for slice_ in source.vectors(*key, ids[:1])), 0)


def _bury_doubles(graphs: Sequence[Graph]) -> None:
    """A process killed between writing a graph and deleting what it replaces leaves both: the newer one (first) counts.

    Within one graph an id that was replaced has two slots, and which of them was dead is not on disk: the later one counts.
    """
    seen = np.empty(0, np.int64)
    for graph in graphs:
        _, last = np.unique(graph.ids[::-1], return_index=True)
        kept = np.zeros(graph.count, np.bool_)
        kept[graph.count - 1 - last] = True
        kept &= ~np.isin(graph.ids, seen)
        graph.kill(np.flatnonzero(~kept))
        seen = np.union1d(seen, graph.ids)
