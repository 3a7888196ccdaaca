"""The entry store on SQLite: writes through the writer thread, small reads on the event loop, large ones on a reader thread."""

import asyncio
import sqlite3
from asyncio import AbstractEventLoop, Future
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from storage.errors import StoreUnavailable
from storage.records import Entry, LoggedLookup, Model, Outcome, Ranking, Usage, UsefulEntry, Write
from storage.sqlite import rows
from storage.sqlite.connection import checkpoint, open_reader, open_writer, translate, translated
from storage.sqlite.keeper import Keeper
from storage.sqlite.schema import migrate
from storage.sqlite.source import SqliteSource
from storage.sqlite.transaction import SqliteTransaction
from storage.sqlite.writer import Session, Unit, Writer, weigh

Durability = Literal["always", "everysec"]
_P = ParamSpec("_P")
_T = TypeVar("_T")

_SYNCHRONOUS = {"always": "FULL", "everysec": "NORMAL"}
# What the event loop reads itself: a warm point read takes some microseconds, a thread hop some fifty. Longer answers and larger batches
# would keep the loop from its other clients.
_LONGEST_ON_LOOP = 64 << 10
_MOST_ON_LOOP = 64


@dataclass(frozen=True, slots=True)
class _Reader:
    """A connection and the thread that reads on it."""

    connection: sqlite3.Connection
    thread: ThreadPoolExecutor


@dataclass(frozen=True, slots=True)
class _Parts:
    """What an open store consists of; closing `resources` lets go of all of it.

    analysis: for reads that may take seconds, which no sweep and no scan should wait behind.
    """

    loop: AbstractEventLoop
    writer: Writer
    keeper: Keeper
    point_reader: sqlite3.Connection
    bulk: _Reader
    analysis: _Reader
    resources: ExitStack


class SqliteStore:
    """Implements EntryStore in the file `path` (made if missing; its folder must exist). Use it on one event loop.

    durability: "always": what is acknowledged is synced to disk. "everysec": it outlives the process at once and is synced within
        a second; a power cut may cost that second.
    queue_limit_bytes, queue_limit_units: what may wait for the writer; beyond either, `apply` raises StoreOverloaded.
    """

    def __init__(
        self, path: str, *, durability: Durability = "always", queue_limit_bytes: int = 64 << 20, queue_limit_units: int = 65536
    ) -> None:
        self._path = path
        self._durability = durability
        self._limit_bytes = queue_limit_bytes
        self._limit_units = queue_limit_units
        self._open_parts: _Parts | None = None

    async def open(self) -> None:
        """Open the file, make or migrate its tables. Raises StoreCorrupt, StoreUnavailable.

        The file is not searched for damage: that would read all of it. The log's checksums cover a kill and a power cut; a damaged
        page is reported (StoreCorrupt) by the read that meets it.
        """
        self._open_parts = await asyncio.to_thread(self._connect, asyncio.get_running_loop())

    def _connect(self, loop: AbstractEventLoop) -> _Parts:
        path = self._path
        with translated(path), ExitStack() as resources:
            connection = resources.enter_context(closing(open_writer(path, synchronous=_SYNCHRONOUS[self._durability])))
            migrate(connection, path)
            resources.callback(checkpoint, connection, "TRUNCATE")
            point_reader = resources.enter_context(closing(open_reader(path)))
            bulk, analysis = (
                _Reader(
                    resources.enter_context(closing(open_reader(path))), resources.enter_context(ThreadPoolExecutor(1, f"sqlite-{name}"))
                )
                for name in ("reader", "analysis")
            )
            keeper = Keeper(path, sync_log=self._durability == "everysec")
            keeper.start()
            resources.callback(keeper.stop)
            writer = Writer(connection, keeper, loop, path=path, limit_units=self._limit_units, limit_bytes=self._limit_bytes)
            writer.start()
            resources.callback(writer.stop)
            return _Parts(loop, writer, keeper, point_reader, bulk, analysis, resources.pop_all())

    async def close(self) -> None:
        """Commit what was accepted, empty the log into the database, end the threads. An open transaction is waited for."""
        parts, self._open_parts = self._open_parts, None
        if parts is not None:
            await asyncio.to_thread(parts.resources.close)

    @property
    def _parts(self) -> _Parts:
        if self._open_parts is None:
            message = f"{self._path} is not open"
            raise StoreUnavailable(message)
        return self._open_parts

    def apply(self, writes: Sequence[Write], now: int) -> "Future[list[Outcome]]":
        """Queue writes as one unit; the future is done after the commit. Cancelling it does not undo anything."""
        writer = self._parts.writer
        future = writer.future()
        writer.submit(Unit(tuple(writes), now, weigh(writes), future))
        return future

    async def sync(self) -> None:
        """Sync the log now: nothing to do where every commit has."""
        await asyncio.to_thread(self._sync, self._parts.keeper)

    @staticmethod
    def _sync(keeper: Keeper) -> None:
        keeper.sync()
        keeper.check()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransaction]:
        """The writer for this caller alone, in its turn. Awaiting this store's own `apply` inside would wait for itself."""
        writer = self._parts.writer
        session = Session(writer.future())
        writer.submit(session)
        transaction = SqliteTransaction(session, writer)
        try:
            await session.started
            yield transaction
        except BaseException:
            transaction.rollback()
            raise
        await transaction.commit()

    async def find(self, model_id: int, keys: Sequence[tuple[bytes, bytes]]) -> list[Entry | None]:
        """The entries of (partition, exact key) pairs."""
        return await self._entries(rows.find, model_id, keys)

    async def get(self, model_id: int, ids: Sequence[int]) -> list[Entry | None]:
        """The entries of these ids."""
        return await self._entries(rows.get, model_id, ids)

    async def _entries(self, read: Callable[..., list[Entry | None]], model_id: int, places: Sequence[Any]) -> list[Entry | None]:
        if len(places) <= _MOST_ON_LOOP:
            try:
                return read(self._parts.point_reader, model_id, places, longest=_LONGEST_ON_LOOP)
            except rows.AnswerTooLong:
                pass
            except sqlite3.Error as error:
                raise translate(error, self._path) from error
        return await self._in_bulk(read, model_id, places)

    async def models(self) -> list[Model]:
        """All models, oldest first."""
        return await self._in_bulk(rows.models)

    async def scan(
        self, model_id: int, after: int, *, count: int, match: str = "", tags: Sequence[str] = (), now: int = 0
    ) -> tuple[int, list[int]]:
        """Ids greater than `after`, and the cursor to go on with."""
        return await self._in_bulk(rows.scan, model_id, after, count=count, match=match, tags=tags, now=now)

    async def expired(self, now: int, *, limit: int) -> list[tuple[int, int]]:
        """(model id, entry id) of rows whose time was over at `now`, the longest expired first."""
        return await self._in_bulk(rows.expired, now, limit)

    async def usage(self, model_id: int, *, now: int = 0) -> Usage:
        """What the model holds, exactly: triggers count it in the transaction of every write."""
        return await self._in_bulk(rows.usage, model_id, now=now)

    async def top(self, model_id: int, *, count: int, by: Ranking, now: int = 0) -> list[UsefulEntry]:
        """The most useful entries, best first: goes through all of the model."""
        return await self._on(self._parts.analysis, rows.top, model_id, count=count, by=by, now=now)

    async def lookups(self, model_id: int, *, count: int, outcome: str | None = None, after: int | None = None) -> list[LoggedLookup]:
        """Rows of the query log, the newest first, or those after an id, oldest first."""
        return await self._on(self._parts.analysis, rows.lookups, model_id, count=count, outcome=outcome, after=after)

    async def _in_bulk(self, read: Callable[Concatenate[sqlite3.Connection, _P], _T], *args: _P.args, **options: _P.kwargs) -> _T:
        return await self._on(self._parts.bulk, read, *args, **options)

    async def _on(
        self, reader: _Reader, read: Callable[Concatenate[sqlite3.Connection, _P], _T], *args: _P.args, **options: _P.kwargs
    ) -> _T:
        def work() -> _T:
            with translated(self._path):
                return read(reader.connection, *args, **options)

        return await self._parts.loop.run_in_executor(reader.thread, work)

    def source(self) -> SqliteSource:
        """A blocking view for a vector index, open as long as the store is."""
        source = SqliteSource(self._path)
        self._parts.resources.callback(source.close)
        return source
