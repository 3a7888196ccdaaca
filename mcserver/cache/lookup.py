"""Looking up: exact tier, embedding, search, judgement, fetch. Cheapest first; every end of the chain has its reason."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from embedding.errors import EmbedderUnavailable
from embedding.seam import Vectors
from mcserver.cache.judge import refusal, threshold
from mcserver.cache.models import ModelState
from mcserver.cache.question import Asked, compose_prompt
from mcserver.cache.verdict import Verdict
from mcserver.exact import Answer
from mcserver.prompt import Prompt, Question
from mcserver.settings import ModelSettings
from mcserver.table import Job
from storage.errors import StorageError
from storage.records import Entry, Neighbour, VectorQuery
from storage.seams import EntryReader, Transaction

if TYPE_CHECKING:
    from mcserver.cache.semantic import SemanticCache

__all__ = ["Lookup", "LookupJob"]

MAX_CANDIDATES = 4096
"""Neighbours looked through when tags or dead rows push the best ones out."""

ROWS_AT_ONCE = 16
"""Candidates read in one go, some 200 us on the event loop; bounds the memory that their answers take, too."""

UNAVAILABLE = Verdict("miss", "unavailable")
EMPTY = Verdict("miss", "empty")


@dataclass(frozen=True, slots=True)
class Lookup:
    """One MC.GET. threshold can only tighten the model's own; detail reads the best candidate of a miss too; log: note it in the log."""

    asked: Asked
    tags: frozenset[str] = frozenset()
    threshold: float = 0.0
    exact_only: bool = False
    vector: bytes | None = None
    detail: bool = False
    log: bool = True

    @property
    def slow(self) -> bool:
        """Whether what the client gave takes long to check, or might be wrong in what an exact hit does not look at."""
        return self.asked.large or self.vector is not None


class _Item:
    """A lookup under way: what is known of it so far. `verdict` is set once it is decided without a search."""

    __slots__ = ("context_vector", "lookup", "prompt", "question", "vector", "verdict")

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup
        self.question: Question | None = None
        self.prompt: Prompt | None = None
        self.vector: Vectors | None = None
        self.context_vector: Vectors | None = None
        self.verdict: Verdict | None = None

    def composed(self, state: ModelState) -> Prompt:
        """The prompt, composed where it is not yet."""
        if self.prompt is None:
            self.question = self.question or self.lookup.asked.parse()
            self.prompt = compose_prompt(state, self.question)
        return self.prompt

    def forget_prompt(self) -> None:
        """What was composed and embedded under other settings; a client's own vector stays."""
        self.prompt = self.context_vector = None
        if self.lookup.vector is None:
            self.vector = None


class LookupJob(Job):
    """The lookups of one command in one model, done together: one batch to embed, one search."""

    def __init__(
        self,
        cache: "SemanticCache",
        model: str,
        lookups: Sequence[Lookup],
        *,
        now: int,
        finish: Callable[[list[Verdict]], object],
        touch: bool = True,
    ) -> None:
        """`finish` makes the reply of the verdicts; they come in the order of the lookups. touch: whether entry and model count as used."""
        self._cache = cache
        self._model = model
        self._items = [_Item(lookup) for lookup in lookups]
        self._now = now
        self._finish = finish
        self._touch = touch
        self._settings: ModelSettings | None = None
        self._begun = cache.timer()

    def exact_now(self) -> list[Verdict] | None:
        """The verdicts, if every lookup ends in the exact tier: without waiting for anything."""
        state = self._cache.models.find(self._model)
        if state is None or self._cache.gate.closed or any(item.lookup.slow for item in self._items):
            return None
        for item in self._items:
            item.composed(state)
            item.verdict = self._recall(state, item)
            if item.verdict is None:
                return None
        return [self._count(state, item, item.verdict) for item in self._items if item.verdict]

    async def prepare(self) -> None:
        """Parse the questions, look for exact entries, embed the texts of the others."""
        for item in self._items:
            item.question = item.question or await item.lookup.asked.read()
        async with self._cache.gate.shared():  # a row that a transaction under way has replaced must not get into memory
            state = self._cache.models.find(self._model)
            for item in self._items:
                if item.lookup.vector is not None:
                    item.vector = self._cache.unit_vector(state, item.lookup.vector)
            if state is not None:
                await self._find_exact(state, self._cache.store)
        if state is not None:
            await self._embed(state)

    def start(self, within: Transaction | None = None) -> Awaitable[object]:
        """Search and judge; inside a transaction the exact entries are looked for again: its earlier commands may have written."""
        return self._alone() if within is None else self._within(within)

    async def _alone(self) -> object:
        async with self._cache.gate.shared():
            # A model that came into being or was configured in the meantime: what was composed does not fit it.
            while (state := self._cache.models.find(self._model)) is not None and state.settings != self._settings:
                await self._find_and_embed(state, self._cache.store)
            return await self._judge(state, self._cache.store)

    async def _within(self, transaction: Transaction) -> object:
        state = self._cache.models.find(self._model)
        if state is not None:
            await self._find_and_embed(state, transaction)
        return await self._judge(state, transaction)

    async def _find_and_embed(self, state: ModelState, reader: EntryReader) -> None:
        await self._find_exact(state, reader)
        await self._embed(state)

    async def _find_exact(self, state: ModelState, reader: EntryReader) -> None:
        """Memory first, then one read for all the others."""
        for item in self._items:
            if state.settings != self._settings:
                item.forget_prompt()
            item.verdict = self._recall(state, item)
        self._settings = state.settings
        wanted = [item for item in self._items if item.verdict is None]
        if not wanted:
            return
        changes = state.changes
        prompts = [item.composed(state) for item in wanted]
        try:
            found = await reader.find(state.id, [(prompt.partition, prompt.exact_key) for prompt in prompts])
        except StorageError:
            for item in wanted:
                item.verdict = UNAVAILABLE
            return
        for item, entry in zip(wanted, found, strict=True):
            if entry is not None and not entry.expired(self._now) and item.lookup.tags <= set(entry.tags):
                item.verdict = self._exact_hit(self._keep(state, entry, changes))
            elif item.lookup.exact_only:
                item.verdict = EMPTY

    def _recall(self, state: ModelState, item: _Item) -> Verdict | None:
        """A hit of the exact tier in memory."""
        prompt = item.composed(state)
        answer = self._cache.exact.find((state.id, prompt.partition, prompt.exact_key))
        if answer is None or answer.expires <= self._now or not item.lookup.tags <= set(answer.entry.tags):
            return None
        return self._exact_hit(answer)

    @staticmethod
    def _exact_hit(answer: Answer) -> Verdict:
        return Verdict("hit", "exact", "exact", answer, answer.entry, answer.entry.id, 1.0)

    async def _embed(self, state: ModelState) -> None:
        """One call for the last turns and contexts of all lookups that need them."""
        waiting = [(item, item.composed(state)) for item in self._items if item.verdict is None]
        texts = [prompt.text for item, prompt in waiting if item.vector is None]
        texts += [prompt.context for item, prompt in waiting if prompt.context and item.context_vector is None]
        if not texts:
            return
        texts = list(dict.fromkeys(texts))
        try:
            vectors = dict(zip(texts, await self._cache.embed(texts, state), strict=True))
        except EmbedderUnavailable:
            for item, _ in waiting:
                item.verdict = UNAVAILABLE
            return
        for item, prompt in waiting:
            if item.vector is None:
                item.vector = vectors[prompt.text]
            if prompt.context and item.context_vector is None:
                item.context_vector = vectors[prompt.context]

    async def _judge(self, state: ModelState | None, reader: EntryReader) -> object:
        if state is None:
            self._cache.models.miss(len(self._items))
            return self._finish([EMPTY for _ in self._items])
        undecided = [item for item in self._items if item.verdict is None and item.vector is not None]
        try:
            queries = [self._query(state, item, self._cache.top_k) for item in undecided]
            nearest = await self._cache.index.search(queries) if queries else []
            for item, neighbours in zip(undecided, nearest, strict=True):
                item.verdict = await self._decide(state, item, neighbours, reader)
        except StorageError:
            for item in undecided:
                item.verdict = item.verdict or UNAVAILABLE
        return self._finish([self._count(state, item, item.verdict or EMPTY) for item in self._items])

    def _query(self, state: ModelState, item: _Item, k: int) -> VectorQuery:
        vector = cast(Vectors, item.vector)  # an undecided lookup was embedded
        return VectorQuery(state.id, item.composed(state).partition, vector, k)

    async def _decide(self, state: ModelState, item: _Item, nearest: list[Neighbour], reader: EntryReader) -> Verdict:
        """Judge the candidates in order of score until one passes; a refused best one must not hide a valid second."""
        needed = threshold(state.settings, item.composed(state).text, at_least=item.lookup.threshold)
        refused: Verdict | None = None
        async for candidates in self._candidates(state, item, nearest):
            similar = [neighbour for neighbour in candidates if neighbour.score >= needed]
            changes = state.changes
            entries = await reader.get(state.id, [neighbour.id for neighbour in similar]) if similar else []
            for neighbour, entry in zip(similar, entries, strict=True):
                if entry is None:
                    continue
                reason = refusal(state.settings, entry, tags=item.lookup.tags, context=item.context_vector, now=self._now)
                if reason is None:
                    answer = self._keep(state, entry, changes)
                    return Verdict("hit", "similar", "semantic", answer, answer.entry, entry.id, neighbour.score, needed)
                refused = refused or Verdict("miss", reason, None, None, entry, entry.id, neighbour.score, needed)
            if len(similar) < len(candidates):
                return refused or await self._below(state, item, candidates[len(similar)], needed, reader)
        return refused or EMPTY

    async def _candidates(self, state: ModelState, item: _Item, nearest: list[Neighbour]) -> AsyncIterator[list[Neighbour]]:
        """The neighbours, best first, some at a time, and further ones where all so far were as similar as wanted but refused."""
        seen, k = 0, self._cache.top_k
        while True:
            for start in range(seen, len(nearest), ROWS_AT_ONCE):
                yield nearest[start : start + ROWS_AT_ONCE]
                await asyncio.sleep(0)  # others get their turn: thousands may be refused
            if len(nearest) < k or k >= MAX_CANDIDATES:
                return
            seen, k = len(nearest), k * 4
            nearest = (await self._cache.index.search([self._query(state, item, k)]))[0]

    async def _below(self, state: ModelState, item: _Item, best: Neighbour, needed: float, reader: EntryReader) -> Verdict:
        entry = (await reader.get(state.id, [best.id]))[0] if item.lookup.detail else None
        return Verdict("miss", "below-threshold", None, None, entry, best.id, best.score, needed)

    def _keep(self, state: ModelState, entry: Entry, changes: int) -> Answer:
        """The entry's answer, kept in memory unless a write came between its reading and now: then it may be an old one."""
        if state.changes != changes:
            return Answer(entry, state.statistics)
        known = self._cache.exact.find((state.id, entry.partition, entry.exact_key))
        if known is not None and known.entry.id == entry.id:
            return known
        return self._cache.exact.put(entry, state.statistics)

    def _count(self, state: ModelState, item: _Item, verdict: Verdict) -> Verdict:
        statistics = state.statistics
        if self._touch:
            state.last_used = self._now
        if verdict.answer is None:
            statistics.misses[verdict.reason] += 1
        else:
            if self._touch:
                self._cache.exact.hit(verdict.answer, self._now)
            if verdict.tier == "exact":
                statistics.exact += 1
            else:
                statistics.semantic += 1
        microseconds = int((self._cache.timer() - self._begun) * 1_000_000)
        statistics.latency.record(microseconds)
        if item.lookup.log:
            self._cache.log.note(state, item.composed(state).query, verdict, now=self._now, microseconds=microseconds)
        return verdict
