"""The seams of this room. Every back end passes the same contract tests (tests/storage)."""

from asyncio import Future
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from storage.records import (
    Entry,
    LoggedLookup,
    Model,
    Neighbour,
    Outcome,
    PartitionVectors,
    Ranking,
    Usage,
    UsefulEntry,
    VectorQuery,
    VectorRecord,
    Write,
)


class EntryReader(Protocol):
    """Reads. Rows of an older epoch are never answered.

    Point reads are batch-shaped: one answer per asked key, in order, None where there is no row. They answer expired rows, too: the
    caller decides with its own clock.
    """

    async def find(self, model_id: int, keys: Sequence[tuple[bytes, bytes]]) -> list[Entry | None]:
        """The entries of (partition, exact key) pairs."""
        ...

    async def get(self, model_id: int, ids: Sequence[int]) -> list[Entry | None]:
        """The entries of these ids."""
        ...

    async def scan(
        self, model_id: int, after: int, *, count: int, match: str = "", tags: Sequence[str] = (), now: int = 0
    ) -> tuple[int, list[int]]:
        """Ids greater than `after`, and the cursor to go on with (0 at the end).

        At most `count` rows are looked at. `match` is a glob on the query text (empty: all), `tags` must all be carried; rows expired at
        `now` are left out.
        """
        ...

    async def usage(self, model_id: int, *, now: int = 0) -> Usage:
        """What the model holds; rows expired at `now` are left out."""
        ...

    async def top(self, model_id: int, *, count: int, by: Ranking, now: int = 0) -> list[UsefulEntry]:
        """The most useful entries, best first; never served and expired ones are left out."""
        ...


class Transaction(EntryReader, Protocol):
    """Several writes and reads that become durable together when the context ends, or not at all if it raises."""

    async def apply(self, writes: Sequence[Write], now: int) -> list[Outcome]:
        """Do these writes inside the transaction."""
        ...


class QueryLog(Protocol):
    """What was looked up, for analysis. It is written by EntryStore.apply (Log, PruneLog), so that hit counters and rows are one unit.

    A truncation leaves it as it is; with a model its rows are gone.
    """

    async def lookups(self, model_id: int, *, count: int, outcome: str | None = None, after: int | None = None) -> list[LoggedLookup]:
        """At most `count` rows of this outcome (None: any): the newest, newest first, or those right after the id `after`, oldest first."""
        ...


class VectorSource(Protocol):
    """What a vector index reads to build or check itself. Blocking: called on the index's own worker thread."""

    def partitions(self) -> list[tuple[int, bytes, int]]:
        """(model id, partition, number of live rows) of every partition that holds rows."""
        ...

    def ids(self, model_id: int, partition: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and vector versions of a partition's live rows, in order of id."""
        ...

    def vectors(self, model_id: int, partition: bytes, ids: NDArray[np.int64] | None = None) -> Iterator[PartitionVectors]:
        """The vectors of a partition (or only of some of its ids) in bounded slices, in order of id."""
        ...


class EntryStore(EntryReader, QueryLog, Protocol):
    """Where entries, models and the query log are kept. What `apply` has answered is durable as configured.

    Raises StoreUnavailable where the back end cannot be reached, StoreOverloaded where its queue is full.
    """

    async def open(self) -> None:
        """Connect, migrate the schema, load what the store keeps in memory."""
        ...

    async def close(self) -> None:
        """Finish what was accepted, then let go of every resource."""
        ...

    async def models(self) -> list[Model]:
        """All models."""
        ...

    def apply(self, writes: Sequence[Write], now: int) -> Future[list[Outcome]]:
        """Queue writes as one all-or-nothing unit. Units take effect in the order of these calls; outcomes in order of the writes.

        Where a condition forbids one write of a unit none is done, and every outcome is empty. The returned awaitable is already queued:
        awaiting it waits for the commit. StoreOverloaded is raised at once, and a unit that cannot be stored (a vector of another
        dimension than the model's, text that is no Unicode) fails alone with ValueError.
        """
        ...

    async def sync(self) -> None:
        """Make what was answered so far outlive a power cut. Raises StoreUnavailable where it might not."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A unit whose later writes depend on its earlier reads. Units queued meanwhile wait until it ends."""
        ...

    async def expired(self, now: int, *, limit: int) -> list[tuple[int, int]]:
        """(model id, entry id) of at most `limit` rows whose time was over at `now`."""
        ...

    def source(self) -> VectorSource:
        """The blocking view that a vector index builds and checks itself from."""
        ...


class VectorIndex(Protocol):
    """Similarity search within one (model, partition). A hint only: the entry store decides whether a found id still stands."""

    async def open(self, source: VectorSource) -> None:
        """Load the snapshot, replay what the store has and the snapshot has not, check both against each other."""
        ...

    async def close(self) -> None:
        """Write a snapshot where the back end has one, then let go of every resource."""
        ...

    async def add(self, records: Sequence[VectorRecord]) -> None:
        """Make vectors searchable; an id that is there already gets the new vector."""
        ...

    async def remove(self, model_id: int, partition: bytes, ids: Sequence[int]) -> None:
        """Take ids out of the search, at once."""
        ...

    async def drop(self, model_id: int, partition: bytes | None = None) -> None:
        """Forget a whole model, or one of its partitions."""
        ...

    async def search(self, queries: Sequence[VectorQuery]) -> list[list[Neighbour]]:
        """The nearest neighbours of each query, best first; fewer than k where the partition holds fewer."""
        ...

    async def check(self) -> int:
        """Compare every partition with the source it was opened on, rebuild those that differ; how many differed."""
        ...
