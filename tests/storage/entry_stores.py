"""Every back end of the entry store, and a few writes: what the contract tests run over."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from storage.records import CreateModel, Model, Put, Vector
from storage.seams import EntryStore
from storage.sqlite import SqliteStore

DIMENSION = 4
PARTITION, OTHER_PARTITION = b"p" * 16, b"\x00\xff" * 8

Connect = Callable[[], EntryStore]
"""Makes another store over the same place."""


def sqlite(folder: Path) -> Connect:
    return lambda: SqliteStore(str(folder / "entries.db"))


BACK_ENDS: list[Callable[[Path], Connect]] = [sqlite]


def vector(seed: float) -> Vector:
    return np.array([seed, 1.0, -seed, 0.5], np.float32)


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def put(model: Model, number: int, **changes: object) -> Put:
    """A Put of the exact key `number`; `changes` replace its fields."""
    fields: dict[str, object] = {
        "model_id": model.id,
        "partition": PARTITION,
        "exact_key": key(number),
        "query": f"question {number}",
        "answer": b"answer %d" % number,
        "vector": vector(number),
    }
    return Put(**{**fields, **changes})  # type: ignore[arg-type]


async def create(store: EntryStore, name: str = "gpt-4", now: int = 1) -> Model:
    [outcome] = await store.apply([CreateModel(name, "embedder", DIMENSION)], now)
    assert outcome.model is not None
    return outcome.model
