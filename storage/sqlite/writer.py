"""The thread that writes: whatever was queued while the last commit ran becomes the next transaction.

`_run` and what it calls belong to that thread; the rest, and every future, to the event loop's.
"""

import logging
import sqlite3
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from queue import SimpleQueue
from threading import Thread
from typing import Any

from storage.errors import StoreOverloaded, StoreUnavailable
from storage.records import Log, Outcome, Put, Write
from storage.sqlite import changes
from storage.sqlite.connection import FAILURES, checkpoint, translate
from storage.sqlite.keeper import Keeper

_LOG = logging.getLogger("mcserver")
# Rows of a truncated epoch deleted per transaction: some ten milliseconds, the longest that a write may wait behind it.
_SWEEP_ROWS = 256
_SWEEP_BYTES = 4 << 20
# What a write costs apart from its payload: about a page of the log each. Rows of the query log share their pages.
_WRITE_BYTES = 4096
_ROW_BYTES = 128


@dataclass(frozen=True, slots=True)
class Unit:
    """Writes that succeed or fail together."""

    writes: Sequence[Write]
    now: int
    size: int
    future: "Future[list[Outcome]]"


@dataclass(frozen=True, slots=True)
class Job:
    """One call within a session; `ends` it after this one."""

    action: Callable[[sqlite3.Connection], Any]
    future: "Future[Any]"
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """The writer for one caller alone: jobs in one transaction, until one that ends it."""

    started: "Future[None]"
    size: int = 0
    jobs: "SimpleQueue[Job]" = field(default_factory=SimpleQueue)


_Answer = tuple["Future[Any]", Any]


class Writer:
    """Owns the writing connection. Units and sessions take effect in the order of `submit`."""

    def __init__(
        self, connection: sqlite3.Connection, keeper: Keeper, loop: AbstractEventLoop, *, path: str, limit_units: int, limit_bytes: int
    ) -> None:
        self._connection = connection
        self._keeper = keeper
        self._loop = loop
        self._path = path
        self._limit_units = limit_units
        self._limit_bytes = limit_bytes
        self._units = 0
        self._bytes = 0
        self._futures: set[Future[Any]] = set()
        self._dead = False
        self._inbox: SimpleQueue[Unit | Session | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="sqlite-writer", daemon=True)

    def start(self) -> None:
        """Begin to take work."""
        self._thread.start()

    def future(self) -> "Future[Any]":
        """A future to put into an item or job; it fails if the thread dies. Raises StoreUnavailable once that has happened."""
        if self._dead:
            raise self._death()
        future: Future[Any] = self._loop.create_future()
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    def submit(self, item: Unit | Session) -> None:
        """Queue work. Raises StoreOverloaded if too much is queued already; one item always finds room in an empty queue."""
        if self._units and (self._units >= self._limit_units or self._bytes + item.size > self._limit_bytes):
            limits = f"limits {self._limit_units}, {self._limit_bytes}"
            message = f"{self._units} units of {self._bytes} bytes wait to be written ({limits}); retry when they are"
            raise StoreOverloaded(message)
        self._units += 1
        self._bytes += item.size
        self._inbox.put(item)

    def stop(self) -> None:
        """Commit what was queued and end the thread. Blocking; nothing may be submitted any more."""
        self._inbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._work()
        finally:
            # After a stop nothing waits any more. After an error that nobody foresaw everything does, and must not wait for ever.
            self._loop.call_soon_threadsafe(self._abandon)

    def _abandon(self) -> None:
        self._dead = True
        for future in list(self._futures):
            settle(future, self._death())

    def _death(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self._path}: the writer has ended; see the log for the error, then restart the server")

    def _work(self) -> None:
        running = True
        while running:
            for kind, items in groupby(self._take(), key=type):
                if kind is Unit:
                    self._commit(list(items))
                elif kind is Session:
                    for session in items:
                        self._serve(session)
                else:
                    running = False

    def _take(self) -> list[Any]:
        while self._inbox.empty() and self._sweep():
            pass
        batch = [self._inbox.get()]
        while not self._inbox.empty():
            batch.append(self._inbox.get())
        return batch

    def _commit(self, units: list[Unit]) -> None:
        """One transaction for all; if that fails as a whole, one for each, so that a unit fails for its own reasons only."""
        try:
            self._keeper.check()
            self._connection.execute("BEGIN IMMEDIATE")
        except FAILURES as error:
            self._answer([(unit.future, translate(error, self._path)) for unit in units], units)
            return
        try:
            answers = [(unit.future, self._perform(unit)) for unit in units]
            self._connection.execute("COMMIT")
        except FAILURES as error:
            self._rollback()
            self._retry(units, error)
            return
        self._committed(answers, units)

    def _perform(self, unit: Unit) -> list[Outcome] | Exception:
        """The outcomes, or what failed this unit alone; raises if it took the whole transaction with it."""
        try:
            return changes.perform(self._connection, unit.writes, unit.now)
        except FAILURES as error:
            if not self._connection.in_transaction:
                raise
            return translate(error, self._path)

    def _retry(self, units: list[Unit], error: Exception) -> None:
        if len(units) == 1:
            self._answer([(units[0].future, translate(error, self._path))], units)
            return
        for unit in units:
            self._commit([unit])

    def _committed(self, answers: list[_Answer], done: Sequence[Unit | Session]) -> None:
        self._keeper.note(_size(done))
        self._answer(answers, done)
        if self._keeper.log_too_long:
            self._keeper.log_too_long = False
            # With no writer beside it this one copies the whole log, and the next commit starts it anew.
            checkpoint(self._connection)

    def _serve(self, session: Session) -> None:
        try:
            self._keeper.check()
            self._connection.execute("BEGIN IMMEDIATE")
        except FAILURES as error:
            self._answer([(session.started, translate(error, self._path))], [session])
            return
        self._answer([(session.started, None)], [])
        while not (job := session.jobs.get()).ends:
            self._answer([(job.future, self._do(job))], [])
        last = (job.future, self._do(job))
        self._rollback()
        self._committed([last], [session])

    def _do(self, job: Job) -> Any:
        if not self._connection.in_transaction:
            return StoreUnavailable(f"{self._path}: the transaction was rolled back by an earlier error; begin it again")
        try:
            return job.action(self._connection)
        except FAILURES as error:
            return translate(error, self._path)

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _sweep(self) -> bool:
        """One chunk of deleting what nobody sees any more; False if there is nothing left or it cannot be done now."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            freed = changes.sweep(self._connection, limit_rows=_SWEEP_ROWS, limit_bytes=_SWEEP_BYTES)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._rollback()
            _LOG.warning("store=sqlite event=sweep-failed error=%r", str(error))
            return False
        if freed is not None:
            self._keeper.note(freed)
        return freed is not None

    def _answer(self, answers: list[_Answer], done: Sequence[Unit | Session]) -> None:
        self._loop.call_soon_threadsafe(self._deliver, answers, len(done), _size(done))

    def _deliver(self, answers: list[_Answer], units: int, size: int) -> None:
        self._units -= units
        self._bytes -= size
        for future, answer in answers:
            settle(future, answer)


def settle(future: "Future[Any]", answer: Any) -> None:
    """Give a waiter its answer or error; one that was cancelled meanwhile is passed over."""
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _size(items: Sequence[Unit | Session]) -> int:
    return sum(item.size for item in items)


def weigh(writes: Sequence[Write]) -> int:
    """About how many bytes the writes take in the queue and in the log."""
    return sum(_WRITE_BYTES + _payload(write) for write in writes)


def _payload(write: Write) -> int:
    match write:
        case Put():
            return _put_bytes(write)
        case Log():
            return sum(_ROW_BYTES + len(row.query) + len(row.hit_query or "") for row in write.lookups)
    return 0


def _put_bytes(put: Put) -> int:
    context = 0 if put.context_vector is None else put.context_vector.nbytes
    return len(put.query) + len(put.answer) + len(put.meta) + put.vector.nbytes + context
