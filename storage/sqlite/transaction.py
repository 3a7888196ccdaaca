"""A caller's own transaction: its calls become jobs for the writer, which serves nobody else until it ends."""

import sqlite3
from asyncio import Future
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from storage.records import Entry, Outcome, Ranking, Usage, UsefulEntry, Write
from storage.sqlite import changes, rows
from storage.sqlite.writer import Job, Session, Writer


class SqliteTransaction:
    """Implements Transaction on the writer's connection: its reads see its own writes."""

    def __init__(self, session: Session, writer: Writer) -> None:
        self._session = session
        self._writer = writer

    async def apply(self, writes: Sequence[Write], now: int) -> list[Outcome]:
        """Do these writes, all or none; an error leaves the transaction as it was before, or ends it (a full disk does)."""
        outcomes: list[Outcome] = await self._ask(partial(changes.perform, writes=writes, now=now))
        return outcomes

    async def find(self, model_id: int, keys: Sequence[tuple[bytes, bytes]]) -> list[Entry | None]:
        """The entries of (partition, exact key) pairs as they are within the transaction."""
        entries: list[Entry | None] = await self._ask(partial(rows.find, model_id=model_id, keys=keys))
        return entries

    async def get(self, model_id: int, ids: Sequence[int]) -> list[Entry | None]:
        """The entries of these ids as they are within the transaction."""
        entries: list[Entry | None] = await self._ask(partial(rows.get, model_id=model_id, ids=ids))
        return entries

    async def scan(
        self, model_id: int, after: int, *, count: int, match: str = "", tags: Sequence[str] = (), now: int = 0
    ) -> tuple[int, list[int]]:
        """Ids greater than `after` as they are within the transaction, and the cursor to go on with."""
        step = partial(rows.scan, model_id=model_id, after=after, count=count, match=match, tags=tags, now=now)
        found: tuple[int, list[int]] = await self._ask(step)
        return found

    async def usage(self, model_id: int, *, now: int = 0) -> Usage:
        """What the model holds within the transaction."""
        held: Usage = await self._ask(partial(rows.usage, model_id=model_id, now=now))
        return held

    async def top(self, model_id: int, *, count: int, by: Ranking, now: int = 0) -> list[UsefulEntry]:
        """The most useful entries as they are within the transaction."""
        found: list[UsefulEntry] = await self._ask(partial(rows.top, model_id=model_id, count=count, by=by, now=now))
        return found

    def commit(self) -> "Future[None]":
        """End it and make it durable; whoever waits gets the error if that failed."""
        return self._ask(_commit, ends=True)

    def rollback(self) -> None:
        """End it without a trace. Nothing to wait for: whatever is queued later takes effect later."""
        self._ask(_rollback, ends=True).cancel()

    def _ask(self, action: Callable[[sqlite3.Connection], Any], *, ends: bool = False) -> "Future[Any]":
        future = self._writer.future()
        self._session.jobs.put(Job(action, future, ends))
        return future


def _commit(connection: sqlite3.Connection) -> None:
    connection.execute("COMMIT")


def _rollback(connection: sqlite3.Connection) -> None:
    connection.execute("ROLLBACK")
