"""What each write does to the tables. Runs inside a transaction that the writer has begun."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from storage.records import (
    Condition,
    Configure,
    CreateModel,
    Delete,
    DeleteExact,
    DropModel,
    Expire,
    Log,
    Model,
    Outcome,
    PruneLog,
    Put,
    Removed,
    Touch,
    Truncate,
    Vector,
    Write,
)
from storage.sqlite import statements as sql
from storage.sqlite.rows import model_of

_LOG_EPOCH = 0
# A row of the query log with its place in the index, about.
_LOOKUP_BYTES = 256


def perform(connection: sqlite3.Connection, writes: Sequence[Write], now: int) -> list[Outcome]:
    """Do the writes, all or none: after an error the transaction is as it was before the call, or gone as a whole.

    None too if a condition forbids one of them; then every outcome is empty.
    """
    connection.execute("SAVEPOINT unit")
    try:
        outcomes = [_ACTIONS[type(write)](connection, write, now) for write in writes]
        if any(map(_forbidden, writes, outcomes)):
            connection.execute("ROLLBACK TO unit")
            outcomes = [Outcome() for _ in writes]
        connection.execute("RELEASE unit")
    except BaseException:
        # A full disk may have taken the whole transaction back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK TO unit")
            connection.execute("RELEASE unit")
        raise
    return outcomes


def sweep(connection: sqlite3.Connection, *, limit_rows: int, limit_bytes: int) -> int | None:
    """Delete some rows of a truncated epoch or dropped model, up to either limit; their bytes, None if there was nothing to do."""
    garbage = connection.execute(sql.GARBAGE).fetchone()
    if garbage is None:
        return None
    if garbage[1] == _LOG_EPOCH:
        return _sweep_log(connection, garbage, limit_rows)
    rows = connection.execute(sql.GARBAGE_ROWS, (*garbage, limit_rows)).fetchall()
    if not rows:
        connection.execute(sql.SWEPT, garbage)
    freed = 0
    for entry_id, size in rows:
        connection.execute(sql.REMOVE_ID, (entry_id,))
        freed += size
        if freed >= limit_bytes:
            break
    return freed


def _sweep_log(connection: sqlite3.Connection, garbage: tuple[int, int], limit: int) -> int:
    """Delete some rows that a dropped model left in the query log; about how many bytes."""
    removed = connection.execute(sql.GARBAGE_LOOKUPS, (garbage[0], limit)).rowcount
    if removed < limit:
        connection.execute(sql.SWEPT, garbage)
    return removed * _LOOKUP_BYTES


def _forbidden(write: Write, outcome: Outcome) -> bool:
    return isinstance(write, Put) and write.condition is not Condition.ALWAYS and outcome.id is None


def _put(connection: sqlite3.Connection, put: Put, now: int) -> Outcome:
    row = connection.execute(sql.OCCUPANT, (put.partition, put.exact_key, put.model_id)).fetchone()
    if row is None:
        return Outcome()
    epoch, dimension, occupant, expires, version = row
    _check_dimension(put, dimension)
    live = occupant is not None and not 0 < expires <= now
    forbidden = Condition.ABSENT if live else Condition.PRESENT
    if put.condition is forbidden:
        return Outcome()
    if live:
        return _replace(connection, put, occupant, version, now)
    removed: tuple[Removed, ...] = ()
    if occupant is not None:
        connection.execute(sql.REMOVE_ID, (occupant,))
        removed = (Removed(occupant, put.partition, put.exact_key),)
    return replace(_add(connection, put, epoch, now), removed=removed)


def _check_dimension(put: Put, dimension: int) -> None:
    for vector in (put.vector, put.context_vector):
        if vector is not None and vector.shape != (dimension,):
            message = f"vector of shape {vector.shape} for model {put.model_id}, whose vectors have {dimension} dimensions"
            raise ValueError(message)


def _add(connection: sqlite3.Connection, put: Put, epoch: int, now: int) -> Outcome:
    version = _insert(connection, sql.ADD_VECTOR, (_blob(put.vector),))
    place = (put.model_id, epoch, put.partition, put.exact_key)
    entry_id = _insert(connection, sql.ADD_ENTRY, (version, *_content(put, now), *place))
    _tag(connection, put, entry_id)
    return Outcome(id=entry_id, count=1, version=version)


def _replace(connection: sqlite3.Connection, put: Put, entry_id: int, version: int, now: int) -> Outcome:
    vector = _blob(put.vector)
    if connection.execute(sql.SAME_VECTOR, (version, vector)).fetchone() is None:
        connection.execute(sql.REMOVE_VECTOR, (version,))
        version = _insert(connection, sql.ADD_VECTOR, (vector,))
    connection.execute(sql.REPLACE_ENTRY, (version, *_content(put, now), entry_id))
    connection.execute(sql.REMOVE_TAGS, (entry_id,))
    connection.execute(sql.FORGET_FEEDBACK, (entry_id,))
    _tag(connection, put, entry_id)
    return Outcome(id=entry_id, count=1, version=version)


def _insert(connection: sqlite3.Connection, statement: str, parameters: tuple[object, ...]) -> int:
    """The id of the new row."""
    return connection.execute(statement, parameters).lastrowid or 0


def _content(put: Put, now: int) -> tuple[object, ...]:
    context = None if put.context_vector is None else _blob(put.context_vector)
    size = len(put.query.encode()) + len(put.answer) + len(put.meta.encode()) + 4 * put.vector.size + len(context or b"")
    return (size, now, put.expires, put.query, put.meta, context, put.answer)


def _tag(connection: sqlite3.Connection, put: Put, entry_id: int) -> None:
    if put.tags:
        connection.executemany(sql.ADD_TAG, [(entry_id, name, put.model_id) for name in put.tags])


def _blob(vector: Vector) -> bytes:
    return vector.astype(np.dtype("<f4"), copy=False).tobytes()


def _delete(connection: sqlite3.Connection, delete: Delete, now: int) -> Outcome:
    statement, condition = (sql.DELETE_EXPIRED, (now,)) if delete.only_expired else (sql.DELETE, ())
    removed = [row for entry_id in delete.ids for row in _removed(connection, statement, (delete.model_id, entry_id, *condition))]
    return Outcome(count=len(removed), removed=tuple(removed))


def _delete_exact(connection: sqlite3.Connection, delete: DeleteExact, _now: int) -> Outcome:
    removed = _removed(connection, sql.DELETE_EXACT, (delete.model_id, delete.partition, delete.exact_key))
    return Outcome(id=removed[0].id if removed else None, count=len(removed), removed=removed)


def _removed(connection: sqlite3.Connection, statement: str, parameters: tuple[object, ...]) -> tuple[Removed, ...]:
    return tuple(Removed(*row) for row in connection.execute(statement, parameters).fetchall())


def _truncate(connection: sqlite3.Connection, truncate: Truncate, _now: int) -> Outcome:
    model = _model(connection, truncate.model_id)
    if model is None:
        return Outcome()
    if truncate.tags:
        return _truncate_tags(connection, truncate)
    if truncate.partition is not None:
        count = connection.execute(sql.TRUNCATE_PARTITION, (model.id, truncate.partition)).rowcount
        return Outcome(id=model.id, count=count, cleared=True)
    count = _discard(connection, model)
    connection.execute(sql.NEXT_EPOCH, (model.id,))
    return Outcome(id=model.id, count=count, cleared=True, model=_model(connection, model.id))


def _truncate_tags(connection: sqlite3.Connection, truncate: Truncate) -> Outcome:
    carriers = [set(connection.execute(sql.TAGGED, (truncate.model_id, tag)).fetchall()) for tag in truncate.tags]
    carry_all = sorted(set.intersection(*carriers))
    ids = tuple(entry_id for entry_id, partition in carry_all if truncate.partition in (None, partition))
    removed = _delete(connection, Delete(truncate.model_id, ids), 0).removed
    return Outcome(id=truncate.model_id, count=len(removed), removed=removed)


def _discard(connection: sqlite3.Connection, model: Model) -> int:
    """Leave the rows of the model's epoch to the sweep; how many they are."""
    (count, _, _) = connection.execute(sql.USAGE, (model.id, 0)).fetchone()
    connection.execute(sql.DISCARD, (model.id, model.epoch))
    return int(count)


def _expire(connection: sqlite3.Connection, expire: Expire, now: int) -> Outcome:
    count = connection.execute(sql.EXPIRE, (expire.model_id, expire.id, expire.expires, now)).rowcount
    return Outcome(id=expire.id if count else None, count=count)


def _create_model(connection: sqlite3.Connection, create: CreateModel, now: int) -> Outcome:
    row = connection.execute(sql.MODEL_BY_NAME, (create.name,)).fetchone()
    if row is not None:
        return Outcome(id=row[0], model=model_of(row))
    settings = json.dumps(dict(create.settings))
    model_id = _insert(connection, sql.ADD_MODEL, (create.name, create.embedder, create.dimension, settings, now))
    return Outcome(id=model_id, count=1, model=_model(connection, model_id))


def _drop_model(connection: sqlite3.Connection, drop: DropModel, _now: int) -> Outcome:
    model = _model(connection, drop.model_id)
    if model is None:
        return Outcome()
    count = _discard(connection, model)
    connection.execute(sql.DISCARD, (model.id, _LOG_EPOCH))
    connection.execute(sql.DROP_MODEL, (model.id,))
    return Outcome(id=model.id, count=count, cleared=True)


def _configure(connection: sqlite3.Connection, configure: Configure, _now: int) -> Outcome:
    model = _model(connection, configure.model_id)
    if model is None:
        return Outcome()
    merged = {**model.settings, **configure.settings}
    settings = json.dumps({name: value for name, value in merged.items() if value is not None})
    connection.execute(sql.CONFIGURE, (settings, model.id))
    return Outcome(id=model.id, count=1, model=_model(connection, model.id))


def _touch(connection: sqlite3.Connection, touch: Touch, _now: int) -> Outcome:
    return Outcome(count=sum(connection.execute(sql.TOUCH, hit).rowcount for hit in touch.hits))


def _log(connection: sqlite3.Connection, log: Log, _now: int) -> Outcome:
    rows = [
        (row.model_id, row.time, row.outcome, row.reason, row.query, row.hit_query, row.score, row.entry_id, row.microseconds, row.count)
        for row in log.lookups
    ]
    return Outcome(count=connection.executemany(sql.ADD_LOOKUP, rows).rowcount if rows else 0)


def _prune_log(connection: sqlite3.Connection, prune: PruneLog, _now: int) -> Outcome:
    return Outcome(count=connection.execute(sql.PRUNE_LOOKUPS, (prune.before, prune.keep, prune.limit)).rowcount)


def _model(connection: sqlite3.Connection, model_id: int) -> Model | None:
    row = connection.execute(sql.MODEL_BY_ID, (model_id,)).fetchone()
    return None if row is None else model_of(row)


_ACTIONS: dict[type, Callable[[sqlite3.Connection, Any, int], Outcome]] = {
    Put: _put,
    Delete: _delete,
    DeleteExact: _delete_exact,
    Truncate: _truncate,
    Expire: _expire,
    CreateModel: _create_model,
    DropModel: _drop_model,
    Configure: _configure,
    Touch: _touch,
    Log: _log,
    PruneLog: _prune_log,
}
