"""SIGKILL at any moment: what was acknowledged is there, whole; what was not is there whole or not at all."""

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from storage.records import Model
from storage.sqlite import SqliteStore
from tests.storage.entry_stores import PARTITION, key, vector

ROUNDS = 10
# Writes for as long as it is let: new entries, hits, replacements, deletions, truncations of a second model. Tells what was acknowledged.
WRITER = """
import asyncio, sys
from storage.records import Delete, Log, LoggedLookup, Touch, Truncate
from storage.sqlite import SqliteStore
from tests.storage.entry_stores import create, put, vector

async def work(store, model, first):
    for i in range(first, 1 << 40, 8):
        [outcome] = await store.apply([put(model, i, answer=b"%d" % i * 500, tags=("t",))], i)
        print("put", i, outcome.id, flush=True)
        lookups = [LoggedLookup(model.id, i, "hit", "exact", "q" * 300, entry_id=outcome.id, count=count) for count in (1, i)]
        await store.apply([Touch(((outcome.id, 1 + i, i),)), Log(tuple(lookups))], i)
        print("hit", i, outcome.id, flush=True)
        if i % 3 == 0:
            await store.apply([put(model, i, answer=b"second", vector=vector(-i))], i)
            print("replaced", i, outcome.id, flush=True)
        elif i % 7 == 0:
            print("deleting", i, outcome.id, flush=True)
            await store.apply([Delete(model.id, (outcome.id,))], i)
            print("deleted", i, outcome.id, flush=True)

async def churn(store, model):
    for i in range(1 << 40):
        await store.apply([put(model, i, tags=("t",)) for i in range(20)], 1)
        [outcome] = await store.apply([Truncate(model.id)], 1)
        print("truncated", outcome.model.epoch, 0, flush=True)

async def main():
    store = SqliteStore(sys.argv[1], durability=sys.argv[2])
    await store.open()
    models = [await create(store, "kept"), await create(store, "churned")]
    await asyncio.gather(churn(store, models[1]), *(work(store, models[0], int(sys.argv[3]) + i) for i in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("durability", ["always", "everysec"])
async def test_rounds(tmp_path: Path, durability: str) -> None:
    path = tmp_path / "entries.db"
    # A fixed seed: a failure can be run again. The moment of the kill is a number of acknowledgements, not a time.
    moments = random.Random(durability)
    seen: dict[int, str] = {}
    hit: set[int] = set()
    epoch = 1
    for number in range(ROUNDS):
        lines = _run_and_kill(path, durability, first=number * 1_000_000, acknowledgements=moments.randint(1, 300))
        for event, i, entry_id in lines:
            if event == "truncated":
                epoch = max(epoch, i)
            elif event == "hit":
                hit.add(entry_id)
            else:
                seen[i] = event
        await _check(path, seen, hit, epoch)
    assert min(len(seen), len(hit)) > ROUNDS


def _run_and_kill(path: Path, durability: str, *, first: int, acknowledgements: int) -> list[tuple[str, int, int]]:
    command = [sys.executable, "-c", WRITER, str(path), durability, str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(acknowledgements)]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
    assert child.returncode == -signal.SIGKILL
    return [(event, int(i), int(entry_id)) for event, i, entry_id in (line.split() for line in lines if line.endswith("\n"))]


async def _check(path: Path, seen: dict[int, str], hit: set[int], epoch: int) -> None:
    _check_nothing_is_half_there(path)
    store = SqliteStore(str(path))
    await store.open()
    kept, churned = await store.models()
    assert churned.epoch >= epoch
    found = await store.find(kept.id, [(PARTITION, key(i)) for i in seen])
    vectors = _vectors(store, kept)
    for (i, event), entry in zip(seen.items(), found, strict=True):
        if event == "deleted":
            assert entry is None
        elif event != "deleting":
            assert entry is not None
            replaced = entry.answer == b"second"
            assert replaced or (event == "put" and entry.answer == b"%d" % i * 500)
            np.testing.assert_array_equal(vectors[entry.id], vector(-i if replaced else i))
    logged = await store.lookups(kept.id, count=1 << 40)
    assert {row.entry_id for row in logged} >= hit
    assert all((row.query, row.count in (1, row.time)) == ("q" * 300, True) for row in logged)
    usage = await store.usage(churned.id)
    assert usage.entries in (0, 20)
    await store.close()


def _vectors(store: SqliteStore, model: Model) -> dict[int, np.ndarray]:
    return {
        int(entry_id): row
        for part in store.source().vectors(model.id, PARTITION)
        for entry_id, row in zip(part.ids, part.vectors, strict=True)
    }


def _check_nothing_is_half_there(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    for statement in (
        "SELECT id FROM entry WHERE version NOT IN (SELECT version FROM vector WHERE length(vector) = 16)",
        "SELECT version FROM vector WHERE version NOT IN (SELECT version FROM entry)",
        "SELECT entry_id FROM tag WHERE entry_id NOT IN (SELECT id FROM entry)",
        "SELECT entry_id, hits FROM counter EXCEPT SELECT entry_id, sum(count) FROM lookup GROUP BY entry_id",
        "SELECT model_id, epoch, partition, count(*), sum(bytes) FROM entry GROUP BY 1, 2, 3 EXCEPT SELECT * FROM partition_usage",
        "SELECT * FROM partition_usage EXCEPT SELECT model_id, epoch, partition, count(*), sum(bytes) FROM entry GROUP BY 1, 2, 3",
    ):
        assert connection.execute(statement).fetchall() == []
    connection.close()
