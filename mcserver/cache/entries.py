"""Stored entries one by one and in sets: what the commands on entries call."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from mcserver.cache.change import Finish, WriteJob
from mcserver.cache.question import Asked, compose_prompt
from mcserver.prompt import Question
from mcserver.table import Job
from storage.records import DeleteExact, Entry, LoggedLookup, Ranking, Truncate, UsefulEntry, Write
from storage.seams import Transaction

if TYPE_CHECKING:
    from mcserver.cache.semantic import SemanticCache

__all__ = ["DeleteExactJob", "Entries"]


class Entries:
    """The entries of the cache's models. A model that does not exist is one without entries."""

    def __init__(self, cache: "SemanticCache") -> None:
        self._cache = cache

    def write(self, model: str, write: Callable[[int], Write], *, now: int, finish: Finish) -> Job:
        """One write to a model, made with its id when its turn comes."""
        return self.unit(model, lambda model_id: [write(model_id)], now=now, finish=finish)

    def unit(self, model: str, unit: Callable[[int], Sequence[Write]], *, now: int, finish: Finish) -> Job:
        """Writes to a model that succeed or fail together, made with its id when their turn comes."""

        def writes() -> Sequence[Write]:
            state = self._cache.models.use(model, now)
            return unit(state.id) if state else []

        return WriteJob(self._cache, writes, now=now, finish=finish)

    def delete(self, model: str, asked: Asked, *, now: int, finish: Finish) -> Job:
        """Remove the entry of exactly this question."""
        return DeleteExactJob(self._cache, model, asked, now=now, finish=finish)

    def truncate(self, model: str, within: Asked | None, tags: tuple[str, ...], *, now: int, finish: Finish) -> Job:
        """Remove a model's entries: all, or of the partition that `within` falls into, or those that carry all `tags`, or both."""

        def writes() -> Sequence[Write]:
            state = self._cache.models.use(model, now)
            if state is None:
                return []
            partition = compose_prompt(state, question).partition if question else None
            return [Truncate(state.id, partition, tags)]

        question: Question | None = within.parse() if within else None
        return WriteJob(self._cache, writes, now=now, finish=finish)

    async def entry(self, model: str, entry_id: int, *, now: int, within: Transaction | None = None) -> Entry | None:
        """A live entry; None where there is none. Its hit counters are as of the last flush."""
        state = self._cache.models.find(model)
        if state is None:
            return None
        entry = (await (within or self._cache.store).get(state.id, [entry_id]))[0]
        return None if entry is None or entry.expired(now) else entry

    async def scan(
        self, model: str, cursor: int, *, count: int, match: str, tags: Sequence[str], now: int, within: Transaction | None = None
    ) -> tuple[int, list[int]]:
        """The next cursor, 0 at the end, and ids after `cursor`."""
        state = self._cache.models.find(model)
        if state is None:
            return 0, []
        return await (within or self._cache.store).scan(state.id, cursor, count=count, match=match, tags=tags, now=now)

    async def top(self, model: str, *, count: int, by: Ranking, now: int, within: Transaction | None = None) -> list[UsefulEntry]:
        """The most useful entries, best first, by their hit counters as of the last flush."""
        state = self._cache.models.find(model)
        return [] if state is None else await (within or self._cache.store).top(state.id, count=count, by=by, now=now)

    async def log(self, model: str, *, count: int, outcome: str | None, after: int | None) -> list[LoggedLookup]:
        """Rows of the query log as of the last flush: the newest, newest first, or those after a cursor, oldest first."""
        state = self._cache.models.find(model)
        return [] if state is None else await self._cache.store.lookups(state.id, count=count, outcome=outcome, after=after)


class DeleteExactJob(Job):
    """Removal by question: parsed first, composed under the model's settings when its turn comes."""

    def __init__(self, cache: "SemanticCache", model: str, asked: Asked, *, now: int, finish: Finish) -> None:
        self._cache = cache
        self._model = model
        self._asked = asked
        self._now = now
        self._job = WriteJob(cache, self._writes, now=now, finish=finish)
        self._question: Question | None = None

    async def prepare(self) -> None:
        """Parse the question."""
        self._question = await self._asked.read()

    def start(self, within: Transaction | None = None) -> Awaitable[object]:
        """Queue the removal."""
        return self._job.start(within)

    def _writes(self) -> Sequence[Write]:
        state = self._cache.models.use(self._model, self._now)
        if state is None or self._question is None:
            return []
        prompt = compose_prompt(state, self._question)
        return [DeleteExact(state.id, prompt.partition, prompt.exact_key)]
