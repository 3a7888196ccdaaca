"""What is SQLite's own: the file, its schema, the queue's limits, reads that stay off the event loop."""

import asyncio
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from storage.errors import StoreCorrupt, StoreOverloaded, StoreUnavailable
from storage.records import CreateModel, DropModel, Log, LoggedLookup
from storage.sqlite import SqliteStore, statements
from storage.sqlite.schema import APPLICATION_ID, MIGRATIONS
from tests.storage.entry_stores import PARTITION, create, key, put, sqlite


async def _opened(path: Path, **options: int) -> SqliteStore:
    store = SqliteStore(str(path), **options)  # type: ignore[arg-type]
    await store.open()
    return store


class TestFile:
    async def test_no_database(self, tmp_path: Path) -> None:
        path = tmp_path / "entries.db"
        path.write_bytes(b"hello" * 1000)
        with pytest.raises(StoreCorrupt, match="damaged or not a database"):
            await SqliteStore(str(path)).open()
        assert path.read_bytes() == b"hello" * 1000

    async def test_database_of_another_program(self, tmp_path: Path) -> None:
        path = tmp_path / "entries.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE other (id)")
        connection.close()
        with pytest.raises(StoreCorrupt, match="another program"):
            await SqliteStore(str(path)).open()

    async def test_newer_schema(self, tmp_path: Path) -> None:
        path = tmp_path / "entries.db"
        await (await _opened(path)).close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        with pytest.raises(StoreCorrupt, match=f"schema version 99, this server knows up to {len(MIGRATIONS)}"):
            await SqliteStore(str(path)).open()

    async def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(StoreUnavailable, match="unable to open database file"):
            await SqliteStore(str(tmp_path / "missing" / "entries.db")).open()

    async def test_is_marked_as_ours(self, tmp_path: Path) -> None:
        await (await _opened(tmp_path / "entries.db")).close()
        connection = sqlite3.connect(tmp_path / "entries.db")
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        connection.close()

    async def test_a_failing_migration_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "entries.db"
        await (await _opened(path)).close()
        with monkeypatch.context() as patch:
            patch.setattr("storage.sqlite.schema.MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE half (id)", "CREATE TABLE model (id)")))
            with pytest.raises(StoreUnavailable, match="already exists"):
                await SqliteStore(str(path)).open()
        connection = sqlite3.connect(path)
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").fetchone() == (0,)
        connection.close()
        store = await _opened(path)
        assert await store.models() == []
        await store.close()

    async def test_migrates_forward_and_keeps_the_entries(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "entries.db"
        store = await _opened(path)
        model = await create(store)
        await store.apply([put(model, 1)], 1)
        await store.close()
        monkeypatch.setattr("storage.sqlite.schema.MIGRATIONS", (*MIGRATIONS, ("ALTER TABLE entry ADD COLUMN note TEXT",)))
        store = await _opened(path)
        assert None not in await store.find(model.id, [(PARTITION, key(1))])
        await store.close()
        connection = sqlite3.connect(path)
        assert connection.execute("SELECT note FROM entry").fetchall() == [(None,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
        connection.close()

    async def test_a_file_from_before_the_query_log_gets_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "entries.db"
        with monkeypatch.context() as patch:
            patch.setattr("storage.sqlite.schema.MIGRATIONS", MIGRATIONS[:1])
            store = await _opened(path)
            model = await create(store)
            await store.close()
        store = await _opened(path)
        await store.apply([Log((LoggedLookup(model.id, 1, "miss", "empty", "q"),))], 1)
        assert len(await store.lookups(model.id, count=1)) == 1
        await store.close()

    async def test_rows_of_a_dropped_model_are_swept(self, tmp_path: Path) -> None:
        path = tmp_path / "entries.db"
        store = await _opened(path)
        model, other = await create(store, "m"), await create(store, "other")
        lookups = tuple(LoggedLookup((model, other)[n == 0].id, n, "miss", "empty", "q") for n in range(600))
        await store.apply([Log(lookups), DropModel(model.id)], 1)
        connection = sqlite3.connect(path)
        async with asyncio.timeout(30):
            while connection.execute("SELECT count(*) FROM garbage").fetchone() != (0,):  # noqa: ASYNC110 - the sweep tells nobody
                await asyncio.sleep(0)
        assert connection.execute("SELECT model_id FROM lookup").fetchall() == [(other.id,)]
        connection.close()
        await store.close()

    async def test_a_damaged_page_is_reported_by_the_read_that_meets_it(self, tmp_path: Path) -> None:
        path = tmp_path / "entries.db"
        store = await _opened(path)
        model = await create(store)
        [outcome] = await store.apply([put(model, 1)], 1)
        await store.close()
        connection = sqlite3.connect(path)
        pages = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name IN ('entry', 'vector')").fetchall()
        connection.close()
        with path.open("r+b") as file:
            for (page,) in pages:
                file.seek((page - 1) * 4096)
                file.write(b"\xff" * 4096)
        store = await _opened(path)
        with pytest.raises(StoreCorrupt, match="restore it from a copy"):
            await store.get(model.id, [outcome.id or 0])
        with pytest.raises(StoreCorrupt):
            list(store.source().vectors(model.id, PARTITION))
        await store.close()

    async def test_close_leaves_one_file(self, tmp_path: Path) -> None:
        store = await _opened(tmp_path / "entries.db")
        await store.apply([CreateModel("m", "e", 4)], 1)
        await store.close()
        assert [path.name for path in tmp_path.iterdir()] == ["entries.db"]


class TestQueue:
    async def test_too_many_units(self, tmp_path: Path) -> None:
        store = await _opened(tmp_path / "entries.db", queue_limit_units=3)
        model = await create(store)
        async with store.transaction():
            accepted = [store.apply([put(model, i)], 1) for i in range(2)]
            with pytest.raises(StoreOverloaded, match="3 units"):
                store.apply([put(model, 3)], 1)
            with pytest.raises(StoreOverloaded):
                async with store.transaction():
                    pass
        await asyncio.gather(*accepted)
        assert (await store.usage(model.id)).entries == 2
        assert [outcome.count for outcome in await store.apply([put(model, 3)], 1)] == [1]
        await store.close()

    async def test_too_many_bytes(self, tmp_path: Path) -> None:
        store = await _opened(tmp_path / "entries.db", queue_limit_bytes=100_000)
        model = await create(store)
        async with store.transaction():
            accepted = store.apply([put(model, 1, answer=bytes(60_000), context_vector=np.zeros(4, np.float32))], 1)
            with pytest.raises(StoreOverloaded, match="retry"):
                store.apply([put(model, 2, answer=bytes(60_000))], 1)
        await accepted
        # Alone it is let in, or it never could be.
        assert [outcome.count for outcome in await store.apply([put(model, 2, answer=bytes(200_000))], 1)] == [1]
        await store.close()


class TestReads:
    async def test_a_long_answer_is_not_read_on_the_event_loop(self, tmp_path: Path) -> None:
        store = await _opened(tmp_path / "entries.db")
        model = await create(store)
        await store.apply([put(model, 1, answer=bytes(1 << 20))], 1)
        parts = store._open_parts
        assert parts is not None
        lengths: list[int] = []
        parts.point_reader.set_trace_callback(lambda statement: lengths.append(len(statement)))
        [entry] = await store.find(model.id, [(PARTITION, key(1))])
        parts.point_reader.set_trace_callback(None)
        assert entry is not None
        assert len(entry.answer) == 1 << 20
        point_read, _ = (
            parts.point_reader.execute(statements.FIND, (limit, model.id, PARTITION, key(1))).fetchone()[6] for limit in (1 << 16, 1 << 20)
        )
        assert point_read is None
        assert len(lengths) == 1
        await store.close()

    async def test_a_broken_connection_is_unavailable(self, tmp_path: Path) -> None:
        store = await _opened(tmp_path / "entries.db")
        parts = store._open_parts
        assert parts is not None
        parts.point_reader.close()
        with pytest.raises(StoreUnavailable, match="closed database"):
            await store.get(1, [1])
        await store.close()

    @pytest.mark.parametrize(
        ("statement", "parameters"),
        [
            (statements.FIND, 4),
            (statements.GET, 3),
            (statements.SCAN, 5),
            (statements.EXPIRED, 2),
            (statements.VERSIONS, 2),
            (statements.VECTORS, 4),
            (statements.VECTORS_OF_IDS, 3),
            (statements.USAGE, 2),
            (statements.OCCUPANT, 3),
            (statements.DELETE, 2),
            (statements.DELETE_EXACT, 3),
            (statements.TRUNCATE_PARTITION, 2),
            (statements.TAGGED, 2),
            (statements.EXPIRE, 4),
            (statements.TOUCH, 3),
            (statements.GARBAGE_ROWS, 3),
        ],
    )
    async def test_no_statement_walks_a_table_or_sorts(self, tmp_path: Path, statement: str, parameters: int) -> None:
        await (await _opened(tmp_path / "entries.db")).close()
        connection = sqlite3.connect(tmp_path / "entries.db")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * parameters)]
        connection.close()
        # The expiry index holds nothing but rows that expire, and is walked in its order; json_each is the caller's list; g are the
        # partitions of rows that the next sweep removes, which are grouped on the way.
        allowed = ("json_each", "entry_by_expiry", "SCAN g", "B-TREE FOR GROUP BY")
        walks = [step for step in plan if "B-TREE" in step or step.startswith("SCAN")]
        assert [step for step in walks if not any(name in step for name in allowed)] == []

    async def test_versions_are_read_from_the_index_alone(self, tmp_path: Path) -> None:
        await (await _opened(tmp_path / "entries.db")).close()
        connection = sqlite3.connect(tmp_path / "entries.db")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statements.VERSIONS}", [None] * 2)]
        connection.close()
        assert any("COVERING INDEX entry_by_partition" in step for step in plan)


async def test_two_stores_on_one_file_keep_counting_right(tmp_path: Path) -> None:
    connect = sqlite(tmp_path)
    one, two = connect(), connect()
    await one.open()
    await two.open()
    model = await create(one)
    outcomes = await asyncio.gather(*(store.apply([put(model, i)], 1) for i in range(20) for store in (one, two)))
    assert len({outcome.id for [outcome] in outcomes}) == 20
    assert (await one.usage(model.id)) == (await two.usage(model.id))
    assert (await one.usage(model.id)).entries == 20
    await one.close()
    await two.close()


async def test_a_lock_held_by_another_process_fails_the_group_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.sqlite.connection._WRITER_TIMEOUT", 0.001)
    store = await _opened(tmp_path / "entries.db")
    model = await create(store)
    other = sqlite3.connect(tmp_path / "entries.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    units = [store.apply([put(model, i)], 1) for i in range(20)]
    results = await asyncio.gather(*units, return_exceptions=True)
    assert {str(result).split(": ")[1] for result in results} == {"database is locked"}
    with pytest.raises(StoreUnavailable, match="locked"):
        async with store.transaction():
            pass
    other.execute("ROLLBACK")
    other.close()
    assert [outcome.count for outcome in await store.apply([put(model, 1)], 1)] == [1]
    await store.close()
