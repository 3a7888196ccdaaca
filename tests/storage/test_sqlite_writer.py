"""The writer thread: failures of a unit, of a group and of the thread, and the deletion of what older epochs left."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.errors import StoreUnavailable
from storage.records import DropModel, Model, Truncate
from storage.sqlite import SqliteStore, changes
from storage.sqlite import connection as connections
from storage.sqlite.writer import Writer
from tests.storage.entry_stores import PARTITION, create, key, put


class FlakyConnection(sqlite3.Connection):
    """A connection that fails on statements beginning with `failing`, or given the value `ruinous`: that rolls everything back first.

    A disk with I/O errors does either.
    """

    failing = ""
    ruinous = "ruinous"

    def execute(self, statement: str, parameters: Any = ()) -> sqlite3.Cursor:
        if self.ruinous in parameters:
            super().execute("ROLLBACK")
        elif not (self.failing and statement.startswith(self.failing)):
            return super().execute(statement, parameters)
        message = "disk I/O error"
        raise sqlite3.OperationalError(message)


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(path: str, **options: Any) -> sqlite3.Connection:
        return sqlite3_connect(path, factory=FlakyConnection, **options)

    sqlite3_connect = sqlite3.connect
    monkeypatch.setattr(connections.sqlite3, "connect", connect)


async def _opened(folder: Path) -> tuple[SqliteStore, Model]:
    store = SqliteStore(str(folder / "entries.db"))
    await store.open()
    return store, await create(store)


def _writer(store: SqliteStore) -> Writer:
    assert store._open_parts is not None
    return store._open_parts.writer


def _connection(store: SqliteStore) -> Any:
    return _writer(store)._connection


def _room(store: SqliteStore, pages: int) -> None:
    """Let the database grow by `pages` at most, as a full disk would."""
    (count,) = _connection(store).execute("PRAGMA page_count").fetchone()
    _connection(store).execute(f"PRAGMA max_page_count = {count + pages}")


async def _present(store: SqliteStore, model: Model, numbers: list[int]) -> list[int]:
    found = await store.find(model.id, [(PARTITION, key(i)) for i in numbers])
    return [i for i, entry in zip(numbers, found, strict=True) if entry]


class TestFullDisk:
    async def test_fails_the_unit_that_does_not_fit(self, tmp_path: Path) -> None:
        store, model = await _opened(tmp_path)
        _room(store, 12)
        # Held together by the transaction: they are one group when it ends.
        async with store.transaction():
            units = [store.apply([put(model, i, answer=bytes(1 << 20 if i == 2 else 10))], 1) for i in range(5)]
        results = await asyncio.gather(*units, return_exceptions=True)
        assert [isinstance(result, StoreUnavailable) for result in results] == [i == 2 for i in range(5)]
        assert "full" in str(results[2])
        assert await _present(store, model, [0, 1, 2, 3, 4]) == [0, 1, 3, 4]
        assert [count for _, _, count in store.source().partitions()] == [4]
        await store.close()

    async def test_later_units_succeed_when_there_is_room_again(self, tmp_path: Path) -> None:
        store, model = await _opened(tmp_path)
        _room(store, 0)
        with pytest.raises(StoreUnavailable, match="full"):
            await store.apply([put(model, 1, answer=bytes(100_000))], 1)
        _room(store, 1000)
        await store.apply([put(model, 1, answer=bytes(100_000))], 1)
        assert await _present(store, model, [1]) == [1]
        await store.close()

    async def test_within_a_transaction(self, tmp_path: Path) -> None:
        store, model = await _opened(tmp_path)
        _room(store, 4)

        async def writes() -> None:
            async with store.transaction() as transaction:
                await transaction.apply([put(model, 1)], 1)
                await transaction.apply([put(model, 2, answer=bytes(1 << 20))], 1)

        with pytest.raises(StoreUnavailable, match="full"):
            await writes()
        assert await _present(store, model, [1, 2]) == []
        await store.close()


@pytest.mark.usefixtures("flaky")
class TestFailures:
    async def test_a_commit_that_fails_loses_nobody_else(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store, model = await _opened(tmp_path)
        monkeypatch.setattr(FlakyConnection, "failing", "COMMIT")
        results = await asyncio.gather(*(store.apply([put(model, i)], 1) for i in range(5)), return_exceptions=True)
        assert [type(result) for result in results] == [StoreUnavailable] * 5
        monkeypatch.setattr(FlakyConnection, "failing", "")
        assert await _present(store, model, [0, 1, 2, 3, 4]) == []
        await store.apply([put(model, 1)], 1)
        assert await _present(store, model, [0, 1]) == [1]
        await store.close()

    async def test_the_commit_of_a_transaction_fails_at_its_end(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store, model = await _opened(tmp_path)
        reached_the_end = False

        async def writes() -> None:
            nonlocal reached_the_end
            async with store.transaction() as transaction:
                await transaction.apply([put(model, 1)], 1)
                monkeypatch.setattr(FlakyConnection, "failing", "COMMIT")
                reached_the_end = True

        with pytest.raises(StoreUnavailable, match="disk I/O error"):
            await writes()
        assert reached_the_end
        monkeypatch.setattr(FlakyConnection, "failing", "")
        assert await _present(store, model, [1]) == []
        assert [outcome.count for outcome in await store.apply([put(model, 1)], 1)] == [1]
        await store.close()

    async def test_a_transaction_rolled_back_by_the_database_stays_so(self, tmp_path: Path) -> None:
        store, model = await _opened(tmp_path)

        async def writes(numbers: list[int]) -> None:
            async with store.transaction() as transaction:
                for number in numbers:
                    await transaction.apply([put(model, number)], 1)
                    # What SQLite does by itself after some I/O errors.
                    _connection(store).execute("ROLLBACK")

        for numbers in ([1, 2], [1]):
            with pytest.raises(StoreUnavailable, match="rolled back by an earlier error"):
                await writes(numbers)
        assert await _present(store, model, [1, 2]) == []
        await store.close()

    async def test_a_unit_that_takes_the_whole_group_with_it_fails_alone(self, tmp_path: Path) -> None:
        store, model = await _opened(tmp_path)
        async with store.transaction():
            units = [store.apply([put(model, i, query=FlakyConnection.ruinous if i == 1 else "q")], 1) for i in range(4)]
        results = await asyncio.gather(*units, return_exceptions=True)
        assert [isinstance(result, StoreUnavailable) for result in results] == [False, True, False, False]
        assert await _present(store, model, [0, 1, 2, 3]) == [0, 2, 3]
        await store.close()

    async def test_a_sweep_that_fails_is_tried_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        store, model = await _opened(tmp_path)
        await store.apply([put(model, i) for i in range(10)], 1)
        monkeypatch.setattr(FlakyConnection, "failing", "SELECT id, bytes FROM entry")
        await store.apply([Truncate(model.id)], 2)
        await _until(store, lambda: "event=sweep-failed" in caplog.text)
        await store.apply([put(model, 1)], 3)
        await store.close()
        assert _rows(tmp_path) == (11, 11)
        monkeypatch.setattr(FlakyConnection, "failing", "")
        await _sweep_all(tmp_path)
        assert _rows(tmp_path) == (1, 1)

    async def test_a_dead_thread_leaves_nobody_waiting(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store, model = await _opened(tmp_path)
        died = asyncio.Event()
        loop = asyncio.get_running_loop()
        monkeypatch.setattr("threading.excepthook", lambda _: loop.call_soon_threadsafe(died.set))

        def unforeseen(*_: Any) -> Any:
            raise KeyError

        monkeypatch.setattr(changes, "perform", unforeseen)
        units = [store.apply([put(model, i)], 1) for i in range(3)]
        results = await asyncio.gather(*units, return_exceptions=True)
        assert [type(result) for result in results] == [StoreUnavailable] * 3
        await died.wait()
        with pytest.raises(StoreUnavailable, match="the writer has ended"):
            store.apply([put(model, 1)], 1)
        await store.close()


class TestSweep:
    async def test_deletes_all_that_is_left_of_older_epochs(self, tmp_path: Path) -> None:
        store, model = await _opened(tmp_path)
        dropped = await create(store, "dropped")
        await store.apply([put(m, i, tags=("t",)) for m in (model, dropped) for i in range(600)], 1)
        await store.apply([Truncate(model.id), DropModel(dropped.id), put(model, 1, tags=("t",))], 2)
        await store.close()
        await _sweep_all(tmp_path)
        assert _rows(tmp_path) == (1, 1)
        connection = sqlite3.connect(tmp_path / "entries.db")
        assert connection.execute("SELECT count(*) FROM tag").fetchone() == (1,)
        assert connection.execute("SELECT model_id, epoch, entries FROM partition_usage").fetchall() == [(model.id, 2, 1)]
        connection.close()

    async def test_is_done_by_the_writer_between_units(self, tmp_path: Path) -> None:
        store, model = await _opened(tmp_path)
        await store.apply([put(model, i) for i in range(2000)], 1)
        await store.apply([Truncate(model.id)], 2)
        await _until(store, lambda: _rows(tmp_path) == (0, 0))
        await store.close()

    async def test_goes_on_after_a_restart(self, tmp_path: Path) -> None:
        store, model = await _opened(tmp_path)
        await store.apply([put(model, i) for i in range(600)], 1)
        await store.close()
        connection = sqlite3.connect(tmp_path / "entries.db", isolation_level=None)
        changes.perform(connection, [Truncate(model.id)], 2)
        connection.close()
        assert _rows(tmp_path) == (600, 600)
        await store.open()
        await _until(store, lambda: _rows(tmp_path) == (0, 0))
        await store.close()

    async def test_stops_at_either_limit(self, tmp_path: Path) -> None:
        store, model = await _opened(tmp_path)
        await store.apply([put(model, i) for i in range(10)], 1)
        await store.close()
        connection = sqlite3.connect(tmp_path / "entries.db", isolation_level=None)
        changes.perform(connection, [Truncate(model.id)], 2)
        (size,) = connection.execute("SELECT max(bytes) FROM entry").fetchone()
        assert changes.sweep(connection, limit_rows=1, limit_bytes=1 << 20) == size
        assert _rows(tmp_path) == (9, 9)
        assert changes.sweep(connection, limit_rows=100, limit_bytes=2 * size - 1) == 2 * size
        assert _rows(tmp_path) == (7, 7)
        connection.close()


async def _until(store: SqliteStore, done: Callable[[], bool]) -> None:
    """Let the writer run, one idle moment after the other; bounded by their number, not by time."""
    for now in range(10_000):
        await store.apply([], now)
        if done():
            return
    pytest.fail("the writer never came to it")


async def _sweep_all(folder: Path) -> None:
    connection = sqlite3.connect(folder / "entries.db", isolation_level=None)
    connection.execute("BEGIN")
    while changes.sweep(connection, limit_rows=256, limit_bytes=1 << 20) is not None:
        pass
    connection.execute("COMMIT")
    connection.close()


def _rows(folder: Path) -> tuple[int, int]:
    """Entries and vectors in the file, of whatever epoch."""
    connection = sqlite3.connect(folder / "entries.db")
    counts: tuple[int, int] = connection.execute("SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM vector)").fetchone()
    connection.close()
    return counts
