"""Reads on a connection, and how rows become records."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np

from storage.glob import Glob
from storage.records import Entry, LoggedLookup, Model, Ranking, Usage, UsefulEntry
from storage.sqlite import statements as sql

# SQLite's own limit on a blob is lower (1,000,000,000 bytes).
_ANY_LENGTH = 1 << 40
_FLOAT32 = np.dtype("<f4")
_TOP = {Ranking.HITS: sql.TOP_BY_HITS, Ranking.SAVED: sql.TOP_BY_SAVED}


class AnswerTooLong(Exception):
    """An answer is longer than the caller wanted to read; nothing of it was read."""


def find(
    connection: sqlite3.Connection, model_id: int, keys: Sequence[tuple[bytes, bytes]], *, longest: int = _ANY_LENGTH
) -> list[Entry | None]:
    """The entries of (partition, exact key) pairs. Raises AnswerTooLong if an answer has more than `longest` bytes."""
    return _entries(connection, sql.FIND, [(longest, model_id, *key) for key in keys])


def get(connection: sqlite3.Connection, model_id: int, ids: Sequence[int], *, longest: int = _ANY_LENGTH) -> list[Entry | None]:
    """The entries of these ids. Raises AnswerTooLong if an answer has more than `longest` bytes."""
    return _entries(connection, sql.GET, [(longest, model_id, entry_id) for entry_id in ids])


def _entries(connection: sqlite3.Connection, statement: str, places: list[tuple[Any, ...]]) -> list[Entry | None]:
    entries: list[Entry | None] = []
    for place in places:
        # fetchall runs the statement to its end, which closes its read transaction: a checkpoint never waits for it.
        rows = connection.execute(statement, place).fetchall()
        if rows and rows[0][6] is None:
            raise AnswerTooLong
        entries.append(_entry_of(rows[0]) if rows else None)
    return entries


def _entry_of(row: tuple[Any, ...]) -> Entry:
    entry_id, model_id, epoch, partition, exact_key, query, answer, meta, tags, context, *rest = row
    names = () if tags is None else tuple(json.loads(tags))
    vector = None if context is None else np.frombuffer(context, _FLOAT32)
    return Entry(entry_id, model_id, epoch, partition, exact_key, query, answer, meta, names, vector, *rest)


def model_of(row: tuple[Any, ...]) -> Model:
    """A row of the model table as a record."""
    model_id, name, epoch, embedder, dimension, settings, created = row
    return Model(model_id, name, epoch, embedder, dimension, json.loads(settings), created)


def models(connection: sqlite3.Connection) -> list[Model]:
    """All models, oldest first."""
    return [model_of(row) for row in connection.execute(sql.MODELS).fetchall()]


def usage(connection: sqlite3.Connection, model_id: int, *, now: int) -> Usage:
    """What the model's epoch holds and has not expired."""
    return Usage(*connection.execute(sql.USAGE, (model_id, now)).fetchone())


def expired(connection: sqlite3.Connection, now: int, limit: int) -> list[tuple[int, int]]:
    """(model id, entry id) of rows whose time is over, the longest expired first."""
    return connection.execute(sql.EXPIRED, (now, limit)).fetchall()


def top(connection: sqlite3.Connection, model_id: int, *, count: int, by: Ranking, now: int) -> list[UsefulEntry]:
    """The entries that were served most, or that saved most."""
    found = connection.execute(_TOP[by], (model_id, now, count)).fetchall()
    return [UsefulEntry(entry_id, query, hits, last_hit, int(tokens), cost) for entry_id, query, hits, last_hit, tokens, cost in found]


def lookups(connection: sqlite3.Connection, model_id: int, *, count: int, outcome: str | None, after: int | None) -> list[LoggedLookup]:
    """Rows of the query log: the newest, or those after an id."""
    if after is None:
        found = connection.execute(sql.NEWEST_LOOKUPS, (model_id, outcome, count))
    else:
        found = connection.execute(sql.LOOKUPS_AFTER, (model_id, outcome, count, after))
    return [LoggedLookup(*row) for row in found.fetchall()]


def scan(
    connection: sqlite3.Connection, model_id: int, after: int, *, count: int, match: str, tags: Sequence[str], now: int
) -> tuple[int, list[int]]:
    """One step over the model's ids: cursor to go on with (0 at the end) and the ids that fit."""
    rows = connection.execute(sql.SCAN, (bool(match), bool(tags), model_id, after, count)).fetchall()
    glob, wanted = Glob(match), set(tags)
    ids = [
        entry_id
        for entry_id, expires, query, names in rows
        if not 0 < expires <= now and (not match or glob.matches(query)) and (not wanted or wanted <= set(json.loads(names)))
    ]
    return (rows[-1][0] if len(rows) == count else 0), ids
