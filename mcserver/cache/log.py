"""The query log: what was looked up, kept in memory until the next flush stores it together with the hit counters."""

import random
import sys
from collections import deque
from collections.abc import Callable, Sequence

from mcserver.cache.models import ModelState
from mcserver.cache.verdict import Verdict
from mcserver.exact import Answer
from mcserver.settings import Settings
from storage.records import LoggedLookup

__all__ = ["LookupLog"]

MAX_TEXT = 1024
"""Characters of a query that are logged."""

MAX_BYTES = 16 * 1024 * 1024
"""Memory of the rows that wait; beyond it they are dropped, and counted."""

ROW_BYTES = 400
"""A row that waits, beside its texts: the record, its numbers, its place in the queue."""


class LookupLog:
    """Takes note of lookups in fixed memory. What waits here is lost with the process; a flush a second takes it.

    Answers of the exact path are not noted one by one: a flush makes one row of all that an answer was given since the last one, from
    its hit counter. So that path does nothing for the log.
    """

    def __init__(self, settings: Settings, chance: Callable[[], float] = random.random) -> None:
        """`chance` gives numbers from 0 up to 1: whether a lookup is in the sample."""
        self._settings = settings
        self._chance = chance
        self._rows: deque[LoggedLookup] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def note(self, state: ModelState, query: str, verdict: Verdict, *, now: int, microseconds: int) -> None:
        """Note one lookup, where it is in the sample."""
        if not self._sampled(1):
            return
        if self._bytes >= MAX_BYTES:
            state.statistics.log_dropped += 1
            return
        served = verdict.answer and verdict.entry
        row = LoggedLookup(
            model_id=state.id,
            time=now,
            outcome=verdict.verdict,
            reason=verdict.reason,
            query=query[:MAX_TEXT],
            hit_query=served.query[:MAX_TEXT] if served else None,
            score=verdict.score,
            entry_id=verdict.candidate,
            microseconds=microseconds,
        )
        self._rows.append(row)
        self._bytes += _size(row)

    def take(self, count: int) -> list[LoggedLookup]:
        """The oldest rows that wait, at most so many."""
        rows = [self._rows.popleft() for _ in range(min(count, len(self._rows)))]
        self._bytes -= sum(map(_size, rows))
        return rows

    def tally(self, answers: Sequence[Answer]) -> list[LoggedLookup]:
        """A row for each answer that the exact path has given since the last flush, before the flush takes over its counters."""
        counted = ((answer, self._sampled(answer.hits - answer.noted)) for answer in answers)
        return [_row_of(answer, count) for answer, count in counted if count > 0]

    def _sampled(self, lookups: int) -> int:
        """How many of so many lookups are in the sample: on average the share that log-sample says."""
        settings = self._settings
        if not (lookups and settings.log_retention and settings.log_max_rows):
            return 0
        if settings.log_sample == 1:
            return lookups
        expected = lookups * settings.log_sample
        return int(expected) + (self._chance() < expected % 1)


def _row_of(answer: Answer, count: int) -> LoggedLookup:
    entry = answer.entry
    query = entry.query[:MAX_TEXT]
    return LoggedLookup(entry.model_id, answer.last_hit, "hit", "exact", query, query, 1.0, entry.id, None, count)


def _size(row: LoggedLookup) -> int:
    return ROW_BYTES + sys.getsizeof(row.query) + sys.getsizeof(row.hit_query)
