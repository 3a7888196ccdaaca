"""Changing what is stored: every write goes to the store as one unit, and only then to the index and to memory."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedding.seam import Vectors
from mcserver.cache.models import ModelState
from mcserver.cache.question import Asked, compose_prompt
from mcserver.prompt import Prompt, Question
from mcserver.table import Job
from storage.records import Condition, Outcome, Put, Write
from storage.seams import Transaction

if TYPE_CHECKING:
    from mcserver.cache.semantic import SemanticCache

__all__ = ["Expiry", "Finish", "StoreJob", "Stored", "WriteJob"]

Finish = Callable[[list[Outcome]], object]


@dataclass(frozen=True, slots=True)
class Expiry:
    """How long an entry lives: until `at` (milliseconds since the epoch), forever, or as the model says (neither)."""

    at: int = 0
    forever: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """What goes with every answer of one MC.SET or MC.MSET."""

    meta: str = ""
    tags: tuple[str, ...] = ()
    expiry: Expiry = field(default_factory=Expiry)
    condition: Condition = Condition.ALWAYS
    vector: bytes | None = None


class WriteJob(Job):
    """A write that needs no embedding. `writes` gives them for the models as they are when the job's turn comes."""

    def __init__(
        self,
        cache: "SemanticCache",
        writes: Callable[[], Sequence[Write]],
        *,
        now: int,
        finish: Finish,
        serial: bool = False,
        flush: bool = False,
    ) -> None:
        """`finish` makes the reply of the outcomes; both may raise CommandError. serial: as Job.serial. flush: as SemanticCache.submit."""
        self._cache = cache
        self._writes = writes
        self._now = now
        self._finish = finish
        self._serial = serial
        self._flush = flush

    @property
    def serial(self) -> bool:
        """Whether it changes models or their settings."""
        return self._serial

    async def prepare(self) -> None:
        """Nothing to do before the turn."""

    def start(self, within: Transaction | None = None) -> Awaitable[object]:
        """Queue the writes now; what is returned waits until they are durable and in effect."""
        writes = self._writes()
        wanted = writes or self._flush
        return self._done(self._cache.submit(writes, self._now, within, flush=self._flush) if wanted else None)

    async def _done(self, outcomes: Awaitable[list[Outcome]] | None) -> object:
        return self._finish(await outcomes if outcomes is not None else [])


class StoreJob(Job):
    """MC.SET and MC.MSET: compose and embed, then one unit of Puts. The model comes into being with its first answer."""

    def __init__(
        self,
        cache: "SemanticCache",
        model: str,
        answers: Sequence[tuple[Asked, bytes]],
        options: Stored,
        *,
        now: int,
        finish: Finish,
    ) -> None:
        """`finish` makes the reply of the outcomes, one per answer in their order."""
        self._cache = cache
        self._model = model
        self._answers = answers
        self._options = options
        self._now = now
        self._finish = finish
        self._questions: list[Question] = []
        self._embedded: dict[str, Vectors] = {}

    @property
    def serial(self) -> bool:
        """Whether it makes its model."""
        return self._cache.models.find(self._model) is None

    async def prepare(self) -> None:
        """Parse the questions and embed their texts. Has no effect, so that a failure leaves nothing behind."""
        self._questions = [await asked.read() for asked, _ in self._answers]
        state = self._cache.models.find(self._model)
        self._given(state)
        await self._embed(self._prompts(state), state)

    def start(self, within: Transaction | None = None) -> Awaitable[object]:
        """Queue the Puts now where the model is known and everything is embedded; else make it so first."""
        state = self._cache.models.find(self._model)
        if state is None:
            return self._create_and_store(within)
        prompts = self._prompts(state)
        if self._missing(prompts):
            return self._embed_and_store(state, within)
        return self._stored(state, self._cache.submit(self._puts(state, prompts), self._now, within), within)

    def _given(self, state: ModelState | None) -> Vectors | None:
        """The client's own vector."""
        return None if self._options.vector is None else self._cache.unit_vector(state, self._options.vector)

    def _prompts(self, state: ModelState | None) -> list[Prompt]:
        known = state or self._cache.unborn(self._model)
        return [compose_prompt(known, question) for question in self._questions]

    def _missing(self, prompts: list[Prompt]) -> list[str]:
        """Texts without a vector yet: each once."""
        texts = [] if self._options.vector is not None else [prompt.text for prompt in prompts]
        texts += [prompt.context for prompt in prompts if prompt.context]
        return [text for text in dict.fromkeys(texts) if text not in self._embedded]

    async def _embed(self, prompts: list[Prompt], state: ModelState | None) -> None:
        missing = self._missing(prompts)
        if missing:
            self._embedded.update(zip(missing, await self._cache.embed(missing, state), strict=True))

    async def _create_and_store(self, within: Transaction | None) -> object:
        """Model and answers together, or neither."""
        if self._options.condition is Condition.PRESENT:
            return self._finish([Outcome() for _ in self._answers])
        if within is None:
            async with self._cache.transaction() as transaction:
                return await self._create_and_store(transaction)
        state = self._cache.models.find(self._model) or await self._cache.create(self._model, self._now, within)
        return await self._embed_and_store(state, within)

    async def _embed_and_store(self, state: ModelState, within: Transaction | None) -> object:
        """The way for a model that is new, or whose settings changed while this job waited for its turn."""
        prompts = self._prompts(state)
        await self._embed(prompts, state)
        return await self._stored(state, self._cache.submit(self._puts(state, prompts), self._now, within), within)

    async def _stored(self, state: ModelState, outcomes: Awaitable[list[Outcome]], within: Transaction | None) -> object:
        done = await outcomes
        dropped = self._options.condition is Condition.ALWAYS and any(outcome.id is None for outcome in done)
        if dropped:  # the model went in the meantime: these answers begin a new one
            return await self._create_and_store(within)
        state.last_used = self._now
        state.statistics.sets += sum(outcome.id is not None for outcome in done)
        return self._finish(done)

    def _puts(self, state: ModelState, prompts: list[Prompt]) -> list[Put]:
        given, default = self._given(state), state.settings.default_ttl
        expires = self._options.expiry.at
        if not expires and default and not self._options.expiry.forever:
            expires = self._now + default * 1000
        return [
            Put(
                model_id=state.id,
                partition=prompt.partition,
                exact_key=prompt.exact_key,
                query=prompt.query,
                answer=answer,
                vector=self._embedded[prompt.text] if given is None else given,
                context_vector=self._embedded[prompt.context] if prompt.context else None,
                meta=self._options.meta,
                tags=self._options.tags,
                expires=expires,
                condition=self._options.condition,
            )
            for prompt, (_, answer) in zip(prompts, self._answers, strict=True)
        ]
