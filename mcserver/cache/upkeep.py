"""Work that goes on beside the requests: hit counters and the query log to the store, what is too old out of it, the index checked."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from mcserver.exact import Answer
from mcserver.settings import Settings
from mcserver.telemetry.statistics import ServerStatistics
from storage.errors import StorageError
from storage.records import Delete, Log, LoggedLookup, PruneLog, Touch

if TYPE_CHECKING:
    from mcserver.cache.semantic import SemanticCache

__all__ = ["Upkeep"]

FLUSH_SECONDS = 1.0
FLUSH_ROWS = 1000
"""Counters stored in one unit, and rows of the query log; more follow, with other work in between."""

SWEEP_SECONDS = 0.5
SWEEP_ROWS = 500
"""Expired rows removed in one unit; more follow at once, with other work in between."""

PRUNE_SECONDS = 5.0
PRUNE_ROWS = 500
"""Rows of the query log looked at, and perhaps removed, in one unit; more follow at once, with other work in between."""

CHECK_SECONDS = 60.0
"""How often to see whether `index-check-interval` still switches the check off."""

_log = logging.getLogger("mcserver")


class Upkeep:
    """The background tasks of a cache."""

    def __init__(self, cache: "SemanticCache", settings: Settings, statistics: ServerStatistics) -> None:
        self._cache = cache
        self._settings = settings
        self._statistics = statistics
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        self._tasks = [
            asyncio.create_task(self._every(lambda: FLUSH_SECONDS, self.flush)),
            asyncio.create_task(self._every(lambda: SWEEP_SECONDS, self.sweep)),
            asyncio.create_task(self._every(lambda: PRUNE_SECONDS, self.prune)),
            asyncio.create_task(self._every(lambda: self._settings.index_check_interval or CHECK_SECONDS, self.check)),
        ]
        for task in self._tasks:
            task.add_done_callback(_report)

    async def stop(self) -> None:
        """End, with the hit counters and the query log stored."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._unless_down(self.flush)

    async def flush(self) -> None:
        """Store the hit counters of the answers hit since the last time, and what waits for the query log.

        What a failed write had in it is counted as dropped. What was not in it stays for the next time, also where this is cancelled.
        """
        exact, log = self._cache.exact, self._cache.log
        for _ in range(0, max(len(exact.touched), len(log)), FLUSH_ROWS):
            await self._store(exact.take_touched(FLUSH_ROWS), log.take(FLUSH_ROWS))
        while len(log) >= FLUSH_ROWS:  # so many came in the meantime that they would not have room until the next time
            await self._store((), log.take(FLUSH_ROWS))

    async def _store(self, touched: Sequence[Answer], noted: Sequence[LoggedLookup]) -> None:
        """Counters and rows as one unit: where the process ends in between, both are of the same time."""
        hits = tuple((answer.entry.id, answer.hits, answer.last_hit) for answer in touched)
        lookups = tuple(sorted([*noted, *self._cache.log.tally(touched)], key=lambda lookup: lookup.time))
        for answer in touched:
            self._save(answer)
            if (state := self._cache.models.by_id(answer.entry.model_id)) is not None:
                state.last_used = max(state.last_used, answer.last_hit)
        try:
            await self._cache.store.apply([Touch(hits), Log(lookups)], self._cache.now())
        except StorageError:
            self._statistics.touches_dropped += len(hits)
            self._count_dropped(lookups)
            raise

    def _count_dropped(self, lookups: Sequence[LoggedLookup]) -> None:
        for lookup in lookups:
            if (state := self._cache.models.by_id(lookup.model_id)) is not None:
                state.statistics.log_dropped += lookup.count

    async def sweep(self) -> None:
        """Remove expired entries with their vectors, in bounded steps. Before it, make good what a failed transaction left behind."""
        await self._cache.restore()
        while self._cache.sweeping:
            now = self._cache.now()
            rows = await self._cache.store.expired(now, limit=SWEEP_ROWS)
            models: dict[int, list[int]] = {}
            for model_id, entry_id in rows:
                models.setdefault(model_id, []).append(entry_id)
            for model_id, ids in models.items():
                outcomes = await self._cache.submit([Delete(model_id, tuple(ids), only_expired=True)], now)
                self._statistics.expired += outcomes[0].count
            if len(rows) < SWEEP_ROWS:
                return

    async def prune(self) -> None:
        """Remove what is too old or too much from the query log, in bounded steps."""
        removed = PRUNE_ROWS
        while removed == PRUNE_ROWS:
            now = self._cache.now()
            write = PruneLog(now - self._settings.log_retention * 1000, self._settings.log_max_rows, PRUNE_ROWS)
            [outcome] = await self._cache.store.apply([write], now)
            removed = outcome.count

    async def check(self) -> None:
        """Compare the index with the table, unless that is switched off; the index repairs itself and logs what differed."""
        if self._settings.index_check_interval:
            await self._cache.index.check()

    async def _every(self, seconds: Callable[[], float], work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds())
            await self._unless_down(work)

    async def _unless_down(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except StorageError as error:
            _log.warning("event=upkeep-failed work=%s error=%r", getattr(work, "__name__", "work"), str(error))

    @staticmethod
    def _save(answer: Answer) -> None:
        """Add what the hits saved, as the entry's META tells it, and move the counter over to the stored one."""
        tokens, cost = _worth(answer.entry.meta)
        answer.statistics.tokens_saved += tokens * answer.hits
        answer.statistics.cost_saved += cost * answer.hits
        answer.stored_hits += answer.hits
        answer.hits = answer.noted = 0


def _report(task: asyncio.Task[None]) -> None:
    """Work that ends before it is told to must not do so in silence."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("event=upkeep-ended", exc_info=error)


def _worth(meta: str) -> tuple[int, float]:
    """Tokens and cost of one answer from its META, 0 where it says nothing."""
    value: dict[str, object] = json.loads(meta) if meta else {}
    tokens, cost = value.get("tokens"), value.get("cost")
    return (tokens if type(tokens) is int else 0), (float(cost) if type(cost) is int or type(cost) is float else 0.0)
