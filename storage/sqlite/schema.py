"""The tables, as a list of forward migrations; the file's `user_version` says how many of them it has seen.

A vector is found by its version: a number from AUTOINCREMENT, so it only ever grows, survives restarts and changes exactly when a
vector is written anew. Triggers keep what belongs to an entry (vector, tags, counters, usage) in step with it, whoever deletes the row.
"""

import sqlite3

from storage.errors import StoreCorrupt

# "mcsv" in ASCII; marks the file as ours, so that another program's database is refused instead of migrated.
APPLICATION_ID = 0x6D637376

_FIRST = (
    """
    CREATE TABLE model (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        epoch INTEGER NOT NULL,
        embedder TEXT NOT NULL,
        dimension INTEGER NOT NULL,
        settings TEXT NOT NULL,
        created INTEGER NOT NULL
    )
    """,
    # The answer comes last: the columns before it are read without walking a long answer's overflow pages.
    """
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        model_id INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        partition BLOB NOT NULL,
        exact_key BLOB NOT NULL,
        version INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        query TEXT NOT NULL,
        meta TEXT NOT NULL,
        context_vector BLOB,
        answer BLOB NOT NULL,
        UNIQUE (model_id, epoch, partition, exact_key)
    )
    """,
    # Covers a vector index' comparison of ids and versions: a million rows without touching one entry.
    "CREATE INDEX entry_by_partition ON entry (model_id, epoch, partition, id, version)",
    "CREATE INDEX entry_by_id ON entry (model_id, epoch, id)",
    "CREATE INDEX entry_by_expiry ON entry (expires, model_id, epoch) WHERE expires > 0",
    "CREATE TABLE vector (version INTEGER PRIMARY KEY AUTOINCREMENT, vector BLOB NOT NULL)",
    "CREATE TABLE tag (entry_id INTEGER, name TEXT, model_id INTEGER NOT NULL, PRIMARY KEY (entry_id, name)) WITHOUT ROWID",
    "CREATE INDEX tag_by_name ON tag (model_id, name, entry_id)",
    # Apart from the entry, so that counting a hit does not rewrite the page with the answer. No row until the first hit.
    """
    CREATE TABLE counter (
        entry_id INTEGER PRIMARY KEY,
        hits INTEGER NOT NULL DEFAULT 0,
        last_hit INTEGER NOT NULL DEFAULT 0,
        good INTEGER NOT NULL DEFAULT 0,
        bad INTEGER NOT NULL DEFAULT 0
    )
    """,
    """
    CREATE TABLE partition_usage (
        model_id INTEGER,
        epoch INTEGER,
        partition BLOB,
        entries INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (model_id, epoch, partition)
    ) WITHOUT ROWID
    """,
    # Epochs whose rows are still to be deleted, in idle moments.
    "CREATE TABLE garbage (model_id INTEGER, epoch INTEGER, PRIMARY KEY (model_id, epoch)) WITHOUT ROWID",
    """
    CREATE TRIGGER entry_added AFTER INSERT ON entry BEGIN
        INSERT INTO partition_usage VALUES (new.model_id, new.epoch, new.partition, 1, new.bytes)
            ON CONFLICT DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes;
    END
    """,
    """
    CREATE TRIGGER entry_resized AFTER UPDATE OF bytes ON entry BEGIN
        UPDATE partition_usage SET bytes = bytes + new.bytes - old.bytes
            WHERE model_id = new.model_id AND epoch = new.epoch AND partition = new.partition;
    END
    """,
    """
    CREATE TRIGGER entry_removed AFTER DELETE ON entry BEGIN
        DELETE FROM vector WHERE version = old.version;
        DELETE FROM tag WHERE entry_id = old.id;
        DELETE FROM counter WHERE entry_id = old.id;
        UPDATE partition_usage SET entries = entries - 1, bytes = bytes - old.bytes
            WHERE model_id = old.model_id AND epoch = old.epoch AND partition = old.partition;
        DELETE FROM partition_usage
            WHERE model_id = old.model_id AND epoch = old.epoch AND partition = old.partition AND entries = 0;
    END
    """,
)

_QUERY_LOG = (
    # AUTOINCREMENT: a cursor that a reader has stays good, whatever was pruned.
    """
    CREATE TABLE lookup (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        model_id INTEGER NOT NULL,
        time INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT NOT NULL,
        count INTEGER NOT NULL,
        score REAL,
        entry_id INTEGER,
        microseconds INTEGER,
        query TEXT NOT NULL,
        hit_query TEXT
    )
    """,
    # With the outcome, so that a rare one is found without reading the rows of the others.
    "CREATE INDEX lookup_by_model ON lookup (model_id, id, outcome)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _QUERY_LOG)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the file to the newest version, all steps in one transaction.

    Raises StoreCorrupt for a database of another program or of a newer version of this one.
    """
    version = _version(connection, path)
    if version == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for migration in MIGRATIONS[version:]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection, path: str) -> int:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and owner != APPLICATION_ID:
        message = f"{path} is a database of another program (application id {owner}); name another file or move it away"
        raise StoreCorrupt(message)
    if version > len(MIGRATIONS):
        message = f"{path} has schema version {version}, this server knows up to {len(MIGRATIONS)}; start the newer server that wrote it"
        raise StoreCorrupt(message)
    return int(version)
