"""The thread that looks after the write-ahead log."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from storage.errors import StoreUnavailable
from storage.sqlite import SqliteStore
from storage.sqlite import keeper as keepers
from storage.sqlite.connection import checkpoint, open_checkpointer, open_writer
from storage.sqlite.keeper import Keeper
from tests.storage.entry_stores import PARTITION, create, key, put


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "log.db")


@pytest.fixture
def writer(path: str) -> Iterator[sqlite3.Connection]:
    connection = open_writer(path, synchronous="NORMAL")
    connection.execute("CREATE TABLE t (x)")
    yield connection
    connection.close()


def _frames_left(path: str) -> tuple[int, int]:
    """Frames in the log, and how many of them are in the database."""
    connection = sqlite3.connect(path)
    _, frames, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    connection.close()
    return frames, copied


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        names.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(keepers.os, "fsync", record)
    return names


class TestSync:
    @pytest.mark.usefixtures("writer")
    def test_syncs_what_was_committed_since(self, path: str, synced: list[str]) -> None:
        keeper = Keeper(path, sync_log=True)
        keeper.start()
        assert synced == [str(Path(path).parent)]
        keeper.sync()
        assert len(synced) == 1
        keeper.note(10)
        keeper.stop()
        assert synced[1:] == [f"{path}-wal"]

    @pytest.mark.usefixtures("writer")
    def test_not_where_commits_sync_themselves(self, path: str, synced: list[str]) -> None:
        keeper = Keeper(path, sync_log=False)
        keeper.start()
        keeper.note(10)
        keeper.stop()
        assert synced == []

    @pytest.mark.usefixtures("writer")
    def test_the_thread_syncs_by_itself(self, path: str, synced: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keepers, "_SYNC_INTERVAL", 0.001)
        keeper = Keeper(path, sync_log=True)
        keeper.note(10)
        keeper.start()
        while len(synced) < 2:
            keeper._thread.join(0.001)
        keeper.stop()
        assert synced[1] == f"{path}-wal"

    async def test_the_store_syncs_when_it_is_asked_to(self, tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keepers, "_SYNC_INTERVAL", 3600)
        path = str(tmp_path / "entries.db")
        store = SqliteStore(path, durability="everysec")
        await store.open()
        await create(store)
        before = len(synced)
        await store.sync()
        assert synced[before:] == [f"{path}-wal"]
        await store.sync()
        assert len(synced) == before + 1

        def failing(_: int) -> None:
            raise OSError(28, "No space left on device")

        await create(store, "another")
        with monkeypatch.context() as patch:
            patch.setattr(keepers.os, "fsync", failing)
            with pytest.raises(StoreUnavailable, match=r"cannot be synced.*No space left on device"):
                await store.sync()
        await store.sync()
        await store.close()
        with pytest.raises(StoreUnavailable, match="is not open"):
            await store.sync()

    async def test_a_sync_under_way_is_waited_for(self, path: str, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        keeper = Keeper(path, sync_log=True)
        keeper.start()
        writer.execute("INSERT INTO t VALUES (1)")
        keeper.note(10)
        entered, leave, order = Event(), Event(), list[str]()

        def slow(_: int) -> None:
            entered.set()
            leave.wait()
            order.append("synced")

        monkeypatch.setattr(keepers.os, "fsync", slow)
        first = Thread(target=keeper.sync)
        first.start()
        entered.wait()
        second = Thread(target=lambda: (keeper.sync(), order.append("answered")))
        second.start()
        leave.set()
        first.join()
        second.join()
        assert order == ["synced", "answered"]
        keeper.stop()
        keeper.note(10)
        keeper.sync()
        assert order == ["synced", "answered"]

    async def test_a_failed_sync_refuses_writes_until_one_succeeds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(keepers, "_SYNC_INTERVAL", 3600)
        store = SqliteStore(str(tmp_path / "entries.db"), durability="everysec")
        await store.open()
        model = await create(store)
        assert store._open_parts is not None
        keeper = store._open_parts.writer._keeper

        def failing(_: int) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(keepers.os, "fsync", failing)
            keeper.sync()
        assert "event=sync-failed" in caplog.text
        with pytest.raises(StoreUnavailable, match=r"cannot be synced.*Input/output error"):
            await store.apply([put(model, 1)], 1)
        with pytest.raises(StoreUnavailable, match="cannot be synced"):
            async with store.transaction():
                pass
        assert await store.find(model.id, [(PARTITION, key(1))]) == [None]
        keeper.sync()
        assert [outcome.count for outcome in await store.apply([put(model, 1)], 1)] == [1]
        await store.close()


class TestCheckpoint:
    def test_runs_when_enough_was_written(self, path: str, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keepers, "_CHECKPOINT_BYTES", 1000)
        writer.execute("INSERT INTO t VALUES (zeroblob(100000))")
        size = Path(path).stat().st_size
        keeper = Keeper(path, sync_log=False)
        keeper.start()
        keeper.note(999)
        keeper.note(1)
        while Path(path).stat().st_size == size:
            keeper._thread.join(0.001)
        keeper.stop()
        frames, copied = _frames_left(path)
        assert frames == copied > 20

    def test_says_when_the_log_is_too_long(self, path: str, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keepers, "_LOG_LIMIT_FRAMES", 20)
        keeper = Keeper(path, sync_log=False)
        keeper.checkpoint()
        assert not keeper.log_too_long
        writer.execute("INSERT INTO t VALUES (zeroblob(100000))")
        keeper.checkpoint()
        assert keeper.log_too_long
        keeper.start()
        keeper.stop()

    def test_a_failure_is_logged_and_costs_nothing(self, path: str, writer: sqlite3.Connection, caplog: pytest.LogCaptureFixture) -> None:
        writer.execute("INSERT INTO t VALUES (1)")
        connection = open_checkpointer(path)
        connection.close()
        assert checkpoint(connection) == 0
        assert "event=checkpoint-failed" in caplog.text
        assert writer.execute("SELECT * FROM t").fetchall() == [(1,)]

    async def test_the_writer_finishes_a_log_that_is_too_long(self, tmp_path: Path) -> None:
        store = SqliteStore(str(tmp_path / "entries.db"))
        await store.open()
        model = await create(store)
        await store.apply([put(model, 1, answer=bytes(100_000))], 1)
        assert store._open_parts is not None
        store._open_parts.writer._keeper.log_too_long = True
        await store.apply([put(model, 2)], 1)
        await store.apply([], 1)
        assert not store._open_parts.writer._keeper.log_too_long
        # All was copied, so this commit begins the log anew.
        await store.apply([put(model, 3)], 1)
        frames, _ = _frames_left(str(tmp_path / "entries.db"))
        assert frames < 20
        await store.close()
