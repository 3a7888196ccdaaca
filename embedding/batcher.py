"""The micro-batcher: what all callers want at one moment is one batch of the encoder.

Nothing waits for a batch to fill. A batch is whatever arrived while the previous one ran, so that one caller pays for one
forward pass and many callers pay for full batches. All state belongs to the event loop; workers only see lists of texts.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from embedding.errors import EmbedderUnavailable, EmbeddingError
from embedding.memory import VectorMemory
from embedding.seam import Encoder, Vectors
from embedding.waiting import Request, Slot, Waiting

BATCH_TOKENS = 256
"""Tokens of one batch, by estimate. Larger ones gain a few percent of throughput and make short texts wait for each other."""

Result = NDArray[np.float32] | EmbeddingError


@dataclass(frozen=True, slots=True)
class EmbedderStatistics:
    """Since the start, except the last three."""

    texts: int = 0
    """Texts that were asked for."""
    cached: int = 0
    """Of them, answered from memory."""
    shared: int = 0
    """Of them, answered by a text that waited or ran already."""
    batches: int = 0
    encoded: int = 0
    """Texts that went through the encoder, retries not counted."""
    failed: int = 0
    """Of them, without a vector."""
    rejected: int = 0
    """Texts turned away because the queue was full."""
    busy_seconds: float = 0.0
    """Of all workers together."""
    running: int = 0
    """Batches at this moment."""
    queued: int = 0
    """Texts at this moment."""
    queued_characters: int = 0


class Batcher:
    """Implements `embedding.seam.Embedder` around an encoder. To be used from one event loop.

    Args:
        encoder: the model; called from `workers` threads.
        queue_limit: texts that may wait; beyond it callers get EmbedderOverloaded.
        queue_characters: characters that may wait, for the memory they take.
        workers: batches that may run at once.
        cache_bytes: budget of the memory of recent vectors.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        queue_limit: int = 4096,
        queue_characters: int = 4_000_000,
        workers: int = 1,
        cache_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        self._encoder = encoder
        self._waiting = Waiting(texts=queue_limit, characters=queue_characters)
        self._memory = VectorMemory(cache_bytes)
        self._idle = workers
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="embed")
        self._slots: dict[str, Slot] = {}
        self._running: set[asyncio.Future[tuple[list[Result], float]]] = set()
        self._woken = False
        self._closed = False
        self._counted = EmbedderStatistics()

    @property
    def name(self) -> str:
        """The encoder's name."""
        return self._encoder.name

    @property
    def dimension(self) -> int:
        """The encoder's dimension."""
        return self._encoder.dimension

    def statistics(self) -> EmbedderStatistics:
        """The figures at this moment."""
        return replace(self._counted, running=len(self._running), queued=len(self._waiting), queued_characters=self._waiting.characters)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, d], unit length, in the order of `texts`; the array is the caller's own.

        Cancelling a call hurts no other; a text nobody waits for any more is not embedded, unless it has begun.

        Raises:
            EmbedderOverloaded: too much waits; nothing was accepted.
            EmbedderUnavailable: the encoder failed on one of these texts, or is closed.
        """
        if self._closed:
            raise EmbedderUnavailable(f"{self.name} is closed")
        request = self._request(texts)
        if not request.missing:
            return request.rows
        try:
            return await request.future
        finally:
            if request.missing:  # cancelled, or failed by one of its texts
                self._leave(request)

    async def close(self) -> None:
        """Finish the batches that run, fail what waits, close the encoder."""
        if self._closed:
            return
        self._closed = True
        error = EmbedderUnavailable(f"{self.name} was closed before the text's turn")
        for slot in self._waiting.drain():
            self._settle(slot, error)
        if self._running:
            await asyncio.wait(self._running)
        self._threads.shutdown()
        self._encoder.close()

    def _request(self, texts: Sequence[str]) -> Request:
        """Fill what is remembered, join what waits or runs, queue the rest: all of it or nothing."""
        known = [self._memory.get(text) for text in texts]
        absent = [text for text, vector in zip(texts, known, strict=True) if vector is None]
        new = dict.fromkeys(text for text in absent if text not in self._slots)
        self._count(texts=len(texts), cached=len(texts) - len(absent), shared=len(absent) - len(new))
        self._admit(new)
        request = Request(asyncio.get_running_loop().create_future(), np.empty((len(texts), self.dimension), np.float32))
        for row, (text, vector) in enumerate(zip(texts, known, strict=True)):
            if vector is None:
                self._join(request, row, self._slots[text])
            else:
                request.rows[row] = vector
        return request

    def _admit(self, texts: dict[str, None]) -> None:
        try:
            self._waiting.check_room(len(texts), sum(map(len, texts)))
        except EmbeddingError:
            self._count(rejected=len(texts))
            raise
        for text in texts:
            self._slots[text] = self._waiting.add(text)
        if texts:
            self._wake()

    @staticmethod
    def _join(request: Request, row: int, slot: Slot) -> None:
        slot.wanted.append((request, row))
        request.slots.append(slot)
        request.missing += 1

    def _leave(self, request: Request) -> None:
        for slot in request.slots:
            slot.leave(request)
            if not slot.wanted and slot.queued:
                self._waiting.remove(slot)
                del self._slots[slot.text]

    def _wake(self) -> None:
        """Look for work once everyone who is ready in this round of the event loop has asked."""
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._woken = False
        while self._idle and (batch := self._waiting.take(tokens=BATCH_TOKENS, share=self._idle)):
            self._start(batch)

    def _start(self, batch: list[Slot]) -> None:
        self._idle -= 1
        run = asyncio.get_running_loop().run_in_executor(self._threads, _timed, self._encoder, [slot.text for slot in batch])
        self._running.add(run)
        run.add_done_callback(partial(self._finish, batch))

    def _finish(self, batch: list[Slot], run: "asyncio.Future[tuple[list[Result], float]]") -> None:
        self._idle += 1
        self._running.discard(run)
        results, seconds = run.result()
        failed = sum(isinstance(result, EmbeddingError) for result in results)
        self._count(batches=1, encoded=len(batch), failed=failed, busy_seconds=seconds)
        for slot, result in zip(batch, results, strict=True):
            self._settle(slot, result)
        self._dispatch()

    def _settle(self, slot: Slot, result: Result) -> None:
        del self._slots[slot.text]
        if isinstance(result, EmbeddingError):
            for request, _row in slot.wanted:
                request.fail(result)
            return
        self._memory.put(slot.text, result)
        for request, row in slot.wanted:
            request.fill(row, result)

    def _count(self, **more: float) -> None:
        self._counted = replace(self._counted, **{name: getattr(self._counted, name) + value for name, value in more.items()})


def _timed(encoder: Encoder, texts: list[str]) -> tuple[list[Result], float]:
    started = perf_counter()
    results = _encode(encoder, texts)
    return results, perf_counter() - started


def _encode(encoder: Encoder, texts: list[str]) -> list[Result]:
    """A vector or an error per text. After a failure each text is tried alone: one that the model cannot bear must not take others down."""
    try:
        return list(_checked(encoder, texts))
    except EmbeddingError as error:
        if len(texts) == 1:
            return [error]
        return [result for text in texts for result in _encode(encoder, [text])]


def _checked(encoder: Encoder, texts: list[str]) -> Vectors:
    try:
        vectors = encoder.encode(texts)
    except EmbedderUnavailable:
        raise
    except Exception as error:  # providers call frameworks that raise anything; the worker must survive and the callers must hear
        raise EmbedderUnavailable(f"{encoder.name} failed: {error!r}") from error
    expected = (len(texts), encoder.dimension)
    if not isinstance(vectors, np.ndarray) or vectors.shape != expected:
        raise EmbedderUnavailable(f"{encoder.name} answered {getattr(vectors, 'shape', type(vectors).__name__)}, expected {expected}")
    if not np.isfinite(vectors).all():
        raise EmbedderUnavailable(f"{encoder.name} answered numbers that are not finite")
    return vectors
