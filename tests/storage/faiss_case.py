"""What the tests of FaissIndex share: a small index that soon makes graphs, filled together with its source."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.faiss import FaissIndex
from storage.records import PartitionVectors, Vector, VectorQuery, VectorRecord
from tests.storage.vector_source import MemorySource, unit_vectors

MODEL, PARTITION = 1, bytes(range(16))
KEY = (MODEL, PARTITION)
VECTORS = unit_vectors(300)
SMALL: dict[str, Any] = {"exact_max": 10, "graph_max": 64, "m": 8, "ef_search": 128}


class GatedSource(MemorySource):
    """Holds each call of the chosen method until it is let go; `reached` tells the loop that it waits."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.reached = asyncio.Event()
        self.go = Event()
        self.armed = False
        self._method = method

    def ids(self, model_id: int, partition: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        found = super().ids(model_id, partition)
        self._wait("ids")
        return found

    def vectors(self, model_id: int, partition: bytes, ids: NDArray[np.int64] | None = None) -> Iterator[PartitionVectors]:
        found = list(super().vectors(model_id, partition, ids))
        self._wait("vectors")
        return iter(found)

    def _wait(self, method: str) -> None:
        if self.armed and method == self._method:
            self.armed = False
            self.loop.call_soon_threadsafe(self.reached.set)
            assert self.go.wait(30)


async def opened(directory: Path, source: MemorySource, **options: Any) -> FaissIndex:
    index = FaissIndex(directory, **(SMALL | options))
    await index.open(source)
    return index


async def fill(index: FaissIndex, source: MemorySource, ids: range, *, vectors: Vector = VECTORS) -> None:
    for id in ids:
        version = source.put(MODEL, PARTITION, id, vectors[id])
        await index.add([VectorRecord(MODEL, PARTITION, id, vectors[id], version)])


async def ranked(index: FaissIndex, vector: Vector, k: int = 1, *, model_id: int = MODEL) -> list[int]:
    """Ids of the k nearest, best first."""
    (neighbours,) = await index.search([VectorQuery(model_id, PARTITION, vector, k)])
    return [neighbour.id for neighbour in neighbours]


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())
