"""How connections are opened, and what SQLite's errors mean outside this room."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from storage.errors import StorageError, StoreCorrupt, StoreUnavailable

_LOG = logging.getLogger("mcserver")
# What sqlite3 raises where a value cannot be stored (a lone surrogate, an integer over 64 bits) or memory is short.
FAILURES = (sqlite3.Error, StorageError, ValueError, TypeError, OverflowError, MemoryError)

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# WAL readers wait for nobody, apart from a moment's recovery; a reader on the event loop must not wait longer than this.
_READER_TIMEOUT = 0.005
_WRITER_TIMEOUT = 1.0
_CACHE_KIB = 8192
# A burst may grow the log; the file shrinks back to this when the log starts anew.
_LOG_BYTES_KEPT = 64 << 20


def open_writer(path: str, *, synchronous: str) -> sqlite3.Connection:
    """The connection that writes; checkpoints are left to the keeper (`wal_autocheckpoint` off)."""
    connection = _open(path, _WRITER_TIMEOUT)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES_KEPT}")
    # Distributions build SQLite so that it overwrites all it frees; that doubles the cost of deleting a large epoch.
    connection.execute("PRAGMA secure_delete = FAST")
    return connection


def open_reader(path: str) -> sqlite3.Connection:
    """A connection that cannot write."""
    connection = _open(path, _READER_TIMEOUT)
    connection.execute("PRAGMA query_only = ON")
    return connection


def open_checkpointer(path: str) -> sqlite3.Connection:
    """A connection for checkpoints only."""
    return _open(path, _READER_TIMEOUT)


def _open(path: str, timeout: float) -> sqlite3.Connection:
    # Each connection is used by one thread at a time, but opened on another one.
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def checkpoint(connection: sqlite3.Connection, mode: str = "PASSIVE") -> int:
    """Copy what no reader needs any more from the log into the database; frames in the log, 0 if it failed.

    A failure costs nothing but space: the log keeps everything, and the next checkpoint tries again.
    """
    try:
        _, frames, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    except sqlite3.Error as error:
        _LOG.warning("store=sqlite event=checkpoint-failed error=%r", str(error))
        return 0
    return int(frames)


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Within, SQLite's errors become this room's."""
    try:
        yield
    except (sqlite3.Error, MemoryError) as error:
        raise translate(error, path) from error


def translate(error: Exception, path: str) -> Exception:
    """What the caller gets for `error`: StoreCorrupt, StoreUnavailable, or `error` itself where it is no error of SQLite's."""
    if not isinstance(error, sqlite3.Error | MemoryError):
        return error
    # Extended codes carry the primary one in the low byte. Errors of the module itself (a closed connection) have none.
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
        return StoreCorrupt(f"{path} is damaged or not a database ({error}); restore it from a copy or move it away")
    return StoreUnavailable(f"{path}: {error or 'out of memory'}")
