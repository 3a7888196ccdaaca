"""The records that cross the storage seams.

Times are milliseconds since the Unix epoch, 0 where there is none. A partition and an exact key are 16-byte digests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Model:
    """A model (tenant) as stored: its identity, how its texts are embedded and its own settings."""

    id: int
    name: str
    epoch: int
    embedder: str
    dimension: int
    settings: Mapping[str, str]
    created: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored answer, without its vector (VectorSource reads those). `tags` come sorted and without repeats."""

    id: int
    model_id: int
    epoch: int
    partition: bytes
    exact_key: bytes
    query: str
    answer: bytes
    meta: str
    tags: tuple[str, ...]
    context_vector: Vector | None
    created: int
    expires: int
    hits: int
    last_hit: int
    good: int
    bad: int

    def expired(self, now: int) -> bool:
        """Whether the entry's time is over at `now`."""
        return 0 < self.expires <= now


class Condition(Enum):
    """When a Put may write."""

    ALWAYS = "always"
    ABSENT = "absent"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class Put:
    """Store an answer under (model, partition, exact key). A live entry there keeps its id; an expired one counts as absent."""

    model_id: int
    partition: bytes
    exact_key: bytes
    query: str
    answer: bytes
    vector: Vector
    context_vector: Vector | None = None
    meta: str = ""
    tags: tuple[str, ...] = ()
    expires: int = 0
    condition: Condition = Condition.ALWAYS


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove entries by id; ids of another model, or that do not exist, are passed over.

    only_expired: pass over those, too, whose time is not over: someone may have prolonged it in the meantime.
    """

    model_id: int
    ids: tuple[int, ...]
    only_expired: bool = False


@dataclass(frozen=True, slots=True)
class DeleteExact:
    """Remove the entry of one exact key."""

    model_id: int
    partition: bytes
    exact_key: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """Remove a whole model's entries (its epoch grows), or those of one partition, or those that carry all of `tags`, or both."""

    model_id: int
    partition: bytes | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expire:
    """Set when an entry expires; 0 makes it stay, and finds no entry that stays already."""

    model_id: int
    id: int
    expires: int


@dataclass(frozen=True, slots=True)
class CreateModel:
    """Make a model; if the name exists already the existing one is answered, unchanged."""

    name: str
    embedder: str
    dimension: int
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DropModel:
    """Remove a model with its entries and settings."""

    model_id: int


@dataclass(frozen=True, slots=True)
class Configure:
    """Change settings of a model; None takes a setting back to the server's default."""

    model_id: int
    settings: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Touch:
    """Add to the hit counters of entries: (id, hits to add, time of the last one). Entries that are gone are passed over."""

    hits: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class LoggedLookup:
    """A row of the query log.

    count: how many lookups it stands for, all with the same outcome; `time` is that of the last one.
    entry_id, score: of the entry that was served, or of the best candidate of a miss; None where nothing was compared.
    hit_query: the query that the served answer was stored under. microseconds: None where the single lookup was not timed.
    id: given by the store, growing from row to row; 0 before.
    """

    model_id: int
    time: int
    outcome: str
    reason: str
    query: str
    hit_query: str | None = None
    score: float | None = None
    entry_id: int | None = None
    microseconds: int | None = None
    count: int = 1
    id: int = 0


@dataclass(frozen=True, slots=True)
class Log:
    """Add rows to the query log, in their order. Those of a model that is gone are passed over."""

    lookups: tuple[LoggedLookup, ...]


@dataclass(frozen=True, slots=True)
class PruneLog:
    """Of the `limit` oldest rows of the query log remove those from `before` or earlier, and those that the `keep` newest leave no room."""

    before: int
    keep: int
    limit: int


Write = Put | Delete | DeleteExact | Truncate | Expire | CreateModel | DropModel | Configure | Touch | Log | PruneLog


class Ranking(Enum):
    """What makes an entry useful: how often it was served, or the tokens that saved (then the cost), as its META tells."""

    HITS = "hits"
    SAVED = "saved"


@dataclass(frozen=True, slots=True)
class UsefulEntry:
    """An entry that was served at least once. tokens_saved and cost_saved: `tokens` and `cost` of its META times its hits, 0 without."""

    id: int
    query: str
    hits: int
    last_hit: int
    tokens_saved: int
    cost_saved: float


@dataclass(frozen=True, slots=True)
class Removed:
    """One entry that a write took away."""

    id: int
    partition: bytes
    exact_key: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one write did.

    id: of the entry or model it concerns; None if a condition forbade the write or nothing was found.
    count: entries written or removed.
    removed: the single entries taken away (also an expired one that a Put took the place of). Empty where a whole model or
        partition went: then `cleared` is true and `count` alone tells how many.
    model: the model as it is after CreateModel, Configure or a Truncate of all of it.
    version: of the vector that a Put wrote (see VectorRecord), -1 where the store does not say.
    """

    id: int | None = None
    count: int = 0
    removed: tuple[Removed, ...] = ()
    cleared: bool = False
    model: Model | None = None
    version: int = -1


@dataclass(frozen=True, slots=True)
class Usage:
    """What a model's live epoch holds: entries, bytes (query + answer + meta + vectors), partitions."""

    entries: int
    bytes: int
    partitions: int


@dataclass(frozen=True, slots=True)
class VectorRecord:
    """A vector to be searchable: unit length, float32 [d]. `version` as the store numbers it, -1 where the caller does not know it."""

    model_id: int
    partition: bytes
    id: int
    vector: Vector
    version: int = -1


@dataclass(frozen=True, slots=True)
class VectorQuery:
    """A search for the `k` most similar vectors of one partition."""

    model_id: int
    partition: bytes
    vector: Vector
    k: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A search result: cosine similarity in [-1, 1]."""

    id: int
    score: float


@dataclass(frozen=True, slots=True)
class PartitionVectors:
    """A slice of a partition's vectors in the order of their ids: ids int64 [n], vectors float32 [n, d], versions int64 [n]."""

    ids: NDArray[np.int64]
    vectors: NDArray[np.float32]
    versions: NDArray[np.int64]
