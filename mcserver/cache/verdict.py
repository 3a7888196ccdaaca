"""What a lookup came to, and why."""

from dataclasses import dataclass
from typing import Literal

from mcserver.exact import Answer
from storage.records import Entry

__all__ = ["Verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a lookup, never a bare boolean.

    reason: one word: exact, similar; empty, below-threshold, context, tags, expired, unavailable.
    entry: the served one, or the best candidate of a miss where the caller asked for details.
    candidate: its id, known even where the entry was not read.
    score: cosine similarity of the served or best candidate; 1.0 for an exact hit; None where nothing was compared.
    threshold: the one in force; None where nothing was compared.
    answer: of a hit, encoded for the wire and with the entry's running counters.
    """

    verdict: Literal["hit", "miss", "unsure"]
    reason: str
    tier: Literal["exact", "semantic"] | None = None
    answer: Answer | None = None
    entry: Entry | None = None
    candidate: int | None = None
    score: float | None = None
    threshold: float | None = None
