"""The semantic cache itself: it owns the store, the index, the embedder and the exact tier, and keeps the four in step.

A write is committed by the store first; its effects on index and memory follow in the order of the commits, before its client is answered.
The index is only a hint: an id it finds counts for nothing until the store has confirmed the row.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import cast

import numpy as np

from embedding.errors import EmbedderUnavailable
from embedding.seam import Embedder, Vectors
from mcserver.cache.admin import Admin
from mcserver.cache.changes import FLUSH, Change, Changes
from mcserver.cache.entries import Entries
from mcserver.cache.gate import Gate
from mcserver.cache.log import LookupLog
from mcserver.cache.models import Models, ModelState
from mcserver.exact import ExactTier
from mcserver.settings import Settings, describe_model
from mcserver.telemetry.latency import EMBEDDING, STORE_COMMIT
from protocol.errors import CommandError
from storage.errors import StoreUnavailable
from storage.records import (
    Configure,
    CreateModel,
    Delete,
    DeleteExact,
    DropModel,
    Expire,
    Model,
    Outcome,
    Put,
    Truncate,
    VectorRecord,
    Write,
)
from storage.seams import EntryStore, Transaction, VectorIndex

__all__ = ["SemanticCache"]


class SemanticCache:
    """Entries found again by meaning. Its public parts are for the jobs of this package; commands see jobs and plain methods.

    write_failed: whether the store could not do the last write.
    """

    def __init__(
        self,
        *,
        store: EntryStore,
        index: VectorIndex,
        embedder: Embedder,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`clock` gives seconds since the epoch, `timer` seconds for durations.

        `observe` is told how many seconds embeddings and commits took. `sweeping` says whether expired entries are removed.
        """
        self.store = store
        self.index = index
        self.embedder = embedder
        self.models = Models(settings)
        self.changes = Changes(self.models)
        self.exact = ExactTier(settings.exact_memory)
        self.log = LookupLog(settings)
        self.gate = Gate()
        self.entries = Entries(self)
        self.admin = Admin(self)
        self.clock = clock
        self.timer = timer
        self.observe: Callable[[str, float], None] = _pass_over
        self.sweeping = True
        self._settings = settings
        self._effects: set[asyncio.Future[list[Outcome]]] = set()
        self._unconfirmed = False
        self.write_failed = False

    async def open(self) -> None:
        """Open store and index and take over the models."""
        await self.store.open()
        now = self.now()
        for model in await self.store.models():
            self.models.update(model).last_used = now
        await self.index.open(self.store.source())

    async def close(self) -> None:
        """Close everything, the store last: what it has accepted it finishes."""
        await self.embedder.close()
        await asyncio.gather(*self._effects, return_exceptions=True)
        await self.index.close()
        await self.store.close()

    async def sync(self) -> None:
        """Have everything acknowledged outlive a power cut. Raises StorageError where it might not."""
        await self.store.sync()

    @property
    def top_k(self) -> int:
        """Candidates that a search gives at first."""
        return self._settings.top_k

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.clock() * 1000)

    async def embed(self, texts: Sequence[str], state: ModelState | None = None) -> Vectors:
        """float32 [n, d] of the texts with the model's embedder (the server's where there is no model yet)."""
        if state is not None and (state.record.embedder, state.record.dimension) != (self.embedder.name, self.embedder.dimension):
            raise EmbedderUnavailable(
                f"model was embedded with {state.record.embedder} ({state.record.dimension}), "
                f"this server has {self.embedder.name} ({self.embedder.dimension})"
            )
        begun = self.timer()
        vectors = await self.embedder.embed(texts)
        self.observe(EMBEDDING, self.timer() - begun)
        return vectors

    def unit_vector(self, state: ModelState | None, blob: bytes) -> Vectors:
        """A client's vector (float32, little-endian), checked and brought to unit length. Raises CommandError."""
        dimension = state.record.dimension if state else self.embedder.dimension
        if len(blob) != 4 * dimension:
            raise CommandError(f"invalid VECTOR: expected {4 * dimension} bytes ({dimension} float32 little-endian), got {len(blob)}")
        vector = np.frombuffer(blob, dtype="<f4").astype(np.float64)
        length = float(np.sqrt(vector @ vector))
        if not np.isfinite(length) or length == 0.0:
            raise CommandError("invalid VECTOR: expected finite numbers that are not all zero")
        unit: Vectors = (vector / length).astype(np.float32)
        return unit

    def last_used(self, state: ModelState) -> int:
        """When answers of the model were last looked up or changed, in milliseconds since the epoch.

        The exact path does not say so with every hit: what it answered lately stands with its answers until the next flush.
        """
        return max(state.last_used, *(answer.last_hit for answer in self.exact.touched if answer.key[0] == state.id), 0)

    def unborn(self, name: str) -> ModelState:
        """A model that is not stored yet, with the server's settings."""
        record = Model(0, name, 0, self.embedder.name, self.embedder.dimension, {}, 0)
        return ModelState(record, self._settings.model({}))

    async def create(self, name: str, now: int, within: Transaction) -> ModelState:
        """Make a model with the server's settings, or take the one of this name as it is."""
        write = CreateModel(name, self.embedder.name, self.embedder.dimension)
        [outcome] = await self.submit([write], now, within)
        return self.models.update(cast(Model, outcome.model))

    def submit(
        self, writes: Sequence[Write], now: int, within: Transaction | None = None, *, flush: bool = False
    ) -> Awaitable[list[Outcome]]:
        """Queue one all-or-nothing unit, at once; what is returned waits until it is durable and in effect here.

        flush: whether it removes all there is.
        """
        if within is not None:
            self._unconfirmed = True
            return self._take_effect(writes, within.apply(writes, now), self.changes.hold, flush=flush)
        # A task of its own: the effects of a commit must follow it even if the client that asked for it has gone.
        with self._noting_failure():
            applied = self.store.apply(writes, now)
        effects = asyncio.ensure_future(self._take_effect(writes, applied, self.changes.tell, flush=flush))
        self._effects.add(effects)
        effects.add_done_callback(self._effects.discard)
        return asyncio.shield(effects)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Be alone: no lookup or write of another client comes between what is done inside. All of it lasts, or nothing."""
        async with self.gate.exclusive():
            # What was committed before is in effect before: else the transaction would see an old state, and not see that it is old.
            await asyncio.gather(*self._effects, return_exceptions=True)
            if self._unconfirmed:  # nor must it rest on what an earlier one left behind
                await self._restore()
            try:
                with self._noting_failure():
                    async with self.store.transaction() as transaction:
                        yield transaction
                if self._unconfirmed:
                    self._unconfirmed = self.write_failed = False
                    self.changes.release()
            finally:
                if self._unconfirmed:
                    await self._restore()

    async def restore(self) -> None:
        """Go back to what the store has, where a failed transaction could not. Raises StorageError where it still cannot be read."""
        if self._unconfirmed:
            async with self.gate.exclusive():
                if self._unconfirmed:  # unless it was that of a transaction under way
                    await self._restore()

    async def _restore(self) -> None:
        """Index and memory may hold what was never committed: take over what was."""
        self.changes.drop()
        for state in self.models:
            self.exact.drop(state.id)
            state.changes += 1
        stored = {record.id: record for record in await self.store.models()}
        for state in self.models:
            if state.id not in stored:
                self.models.forget(state.id)
        for record in stored.values():
            self.models.update(record)
        await self.index.check()
        self._unconfirmed = False
        self.changes.tell([FLUSH])

    def settings_used(self) -> list[str]:
        """Names of the settings whose change `reconfigure` takes over."""
        return ["exact-memory", *describe_model(self._settings.model({}), ["*"])]

    def reconfigure(self) -> None:
        """Take over changed server-wide settings."""
        self.exact.resize(self._settings.exact_memory)
        self.models.refresh()
        for state in self.models:
            self.exact.forget_requests(state.id)
        self.changes.tell([FLUSH])

    async def _take_effect(
        self, writes: Sequence[Write], applied: Awaitable[list[Outcome]], tell: Callable[[Sequence[Change]], None], *, flush: bool
    ) -> list[Outcome]:
        begun = self.timer()
        with self._noting_failure():
            outcomes = await applied
        self.observe(STORE_COMMIT, self.timer() - begun)
        if not self._unconfirmed:
            self.write_failed = False
        changes: list[Change] = []
        for write, outcome in zip(writes, outcomes, strict=True):
            changes += self.changes.of(write, outcome)
            await self._follow(write, outcome)
        tell([*changes, FLUSH] if flush else changes)
        return outcomes

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except StoreUnavailable:
            self.write_failed = True
            raise

    async def _follow(self, write: Write, outcome: Outcome) -> None:
        """Bring index, memory and registry to where the store is after one write."""
        match write:
            case CreateModel():
                self.models.update(cast(Model, outcome.model))
            case Put():
                await self._follow_put(write, outcome)
            case Configure() if outcome.model is not None:
                self.models.update(outcome.model)
                self.exact.forget_requests(write.model_id)
            case DropModel():
                self._changed(write.model_id)
                self.models.forget(write.model_id)
                self.exact.drop(write.model_id)
                await self.index.drop(write.model_id)
            case Truncate() if outcome.cleared:
                if outcome.model is not None:
                    self.models.update(outcome.model)
                self.exact.drop(write.model_id, write.partition)
                await self.index.drop(write.model_id, write.partition)
                self._changed(write.model_id)
            case Delete() | DeleteExact() | Truncate():
                await self._follow_removal(write.model_id, outcome)
            case Expire() if outcome.id is not None:
                self.exact.discard_id(write.model_id, outcome.id)
                self._changed(write.model_id)

    async def _follow_put(self, put: Put, outcome: Outcome) -> None:
        await self._follow_removal(put.model_id, outcome)
        state = self.models.by_id(put.model_id)
        if outcome.id is None or state is None:
            return
        await self.index.add([VectorRecord(put.model_id, put.partition, outcome.id, put.vector, outcome.version)])
        self.exact.discard((put.model_id, put.partition, put.exact_key))
        self._changed(put.model_id)

    async def _follow_removal(self, model_id: int, outcome: Outcome) -> None:
        partitions: dict[bytes, list[int]] = {}
        for gone in outcome.removed:
            partitions.setdefault(gone.partition, []).append(gone.id)
            self.exact.discard((model_id, gone.partition, gone.exact_key))
        for partition, ids in partitions.items():
            await self.index.remove(model_id, partition, ids)
        if partitions:
            self._changed(model_id)

    def _changed(self, model_id: int) -> None:
        state = self.models.by_id(model_id)
        if state is not None:
            state.changes += 1


def _pass_over(event: str, seconds: float) -> None:
    """Nobody observes."""
