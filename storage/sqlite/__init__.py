"""SQLite as the entry store: one file, one writer thread, grouped commits."""

from storage.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
