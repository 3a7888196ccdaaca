"""Models as a whole: making, configuring, describing, emptying and dropping them, and their embedder used directly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcserver.cache.change import Finish, WriteJob
from mcserver.cache.models import ModelState
from mcserver.settings import ModelSettings
from mcserver.table import Job
from mcserver.telemetry.statistics import ModelStatistics
from protocol.errors import CommandError
from storage.records import CreateModel, DropModel, Outcome, Truncate, Usage, Write
from storage.seams import Transaction

if TYPE_CHECKING:
    from mcserver.cache.semantic import SemanticCache

__all__ = ["Admin", "ModelReport"]


@dataclass(frozen=True, slots=True)
class ModelReport:
    """A model as MC.INFO shows it."""

    usage: Usage
    statistics: ModelStatistics
    embedder: str
    dimension: int
    epoch: int


class Admin:
    """Operations on models. Where a model must exist and does not, CommandError says so."""

    def __init__(self, cache: "SemanticCache") -> None:
        self._cache = cache

    def create(self, name: str, settings: Mapping[str, str], *, now: int, finish: Finish) -> Job:
        """Make a model, which must not exist."""

        def writes() -> Sequence[Write]:
            if self._cache.models.find(name) is not None:
                raise CommandError(f"model '{name}' exists already")
            embedder = self._cache.embedder
            return [CreateModel(name, embedder.name, embedder.dimension, dict(settings))]

        def done(outcomes: list[Outcome]) -> object:
            if not outcomes[0].count:  # another client was first
                raise CommandError(f"model '{name}' exists already")
            return finish(outcomes)

        return WriteJob(self._cache, writes, now=now, finish=done, serial=True)

    def change(self, name: str, write: Callable[[int], Write], *, now: int, finish: Finish) -> Job:
        """One write that concerns the model itself, made with its id when its turn comes."""

        def done(outcomes: list[Outcome]) -> object:
            if outcomes[0].id is None:  # another client dropped it
                raise CommandError(f"no such model '{name}'")
            return finish(outcomes)

        return WriteJob(self._cache, lambda: [write(self.model(name).id)], now=now, finish=done, serial=True)

    def drop(self, names: Sequence[str], *, now: int, finish: Finish) -> Job:
        """Remove those of these models that exist, as one unit."""

        def writes() -> Sequence[Write]:
            found = [self._cache.models.find(name) for name in dict.fromkeys(names)]
            return [DropModel(state.id) for state in found if state is not None]

        return WriteJob(self._cache, writes, now=now, finish=finish, serial=True)

    def truncate_all(self, *, now: int, finish: Finish) -> Job:
        """Remove the entries of every model, as one unit."""
        return WriteJob(self._cache, lambda: [Truncate(state.id) for state in self._cache.models], now=now, finish=finish, flush=True)

    def model(self, name: str) -> ModelState:
        """The model; raises CommandError where it does not exist."""
        state = self._cache.models.find(name)
        if state is None:
            raise CommandError(f"no such model '{name}'")
        return state

    def settings(self, name: str) -> ModelSettings:
        """The settings in force for a model."""
        return self.model(name).settings

    async def report(self, name: str, *, now: int, within: Transaction | None = None) -> ModelReport:
        """What MC.INFO shows."""
        state = self.model(name)
        usage = await (within or self._cache.store).usage(state.id, now=now)
        record = state.record
        return ModelReport(usage, state.statistics, record.embedder, record.dimension, record.epoch)

    async def similarity(self, name: str, first: str, second: str) -> float:
        """Cosine similarity of two texts with the model's embedder; a model that does not exist yet would have the server's."""
        vectors = await self._cache.embed([first, second], self._cache.models.find(name))
        return float(vectors[0] @ vectors[1])

    async def embed(self, name: str, texts: Sequence[str]) -> list[bytes]:
        """The vectors of the texts, float32 little-endian."""
        vectors = await self._cache.embed(texts, self._cache.models.find(name))
        return [vector.astype("<f4").tobytes() for vector in vectors]
