"""Texts that wait for a worker: who wants them, in which order they go, how many may wait."""

from asyncio import Future
from dataclasses import dataclass, field
from math import ceil

import numpy as np
from numpy.typing import NDArray

from embedding.errors import EmbedderOverloaded, EmbeddingError

TOKEN_BYTES = 4
"""UTF-8 bytes of one token, roughly, for Latin as for Chinese text; good enough to sort texts by cost."""

CLASS_TOKENS = (32, 128, 512)
"""Upper bounds of the length classes. Texts of one class share a batch; above the last is what takes several windows."""

PATIENCE = 4
"""Batches of shorter texts that may go before a class of longer ones in a row."""


class Request:
    """One caller's texts: done when every row is filled, or with the first error."""

    def __init__(self, future: Future[NDArray[np.float32]], rows: NDArray[np.float32]) -> None:
        self.future = future
        self.rows = rows
        self.missing = 0
        self.slots: list[Slot] = []

    def fill(self, row: int, vector: NDArray[np.float32]) -> None:
        """One more row is there."""
        self.rows[row] = vector
        self.missing -= 1
        if not self.missing and not self.future.done():
            self.future.set_result(self.rows)

    def fail(self, error: EmbeddingError) -> None:
        """Give up with this error; a later one changes nothing."""
        if not self.future.done():
            self.future.set_exception(error)


@dataclass(slots=True, eq=False)
class Slot:
    """A text that waits or runs, and every (request, row) it is for: the same text is never in the queue twice."""

    text: str
    tokens: int
    """Estimated."""
    wanted: list[tuple[Request, int]] = field(default_factory=list)
    queued: bool = True
    """Not taken by a worker yet."""

    def leave(self, request: Request) -> None:
        """The request does not wait any more."""
        self.wanted = [pair for pair in self.wanted if pair[0] is not request]


class Waiting:
    """A bounded queue in length classes: first come, first served within a class; shorter classes first, within reason."""

    def __init__(self, *, texts: int, characters: int) -> None:
        self._texts = texts
        self._characters = characters
        self._classes: list[dict[str, Slot]] = [{} for _ in range(len(CLASS_TOKENS) + 1)]
        self._passed = [0] * len(self._classes)
        self.characters = 0

    def __len__(self) -> int:
        return sum(map(len, self._classes))

    def check_room(self, texts: int, characters: int) -> None:
        """Raise EmbedderOverloaded unless so much more may wait."""
        if len(self) + texts > self._texts:
            raise EmbedderOverloaded(f"{len(self)} texts wait, {texts} more would be over the limit of {self._texts}; try again later")
        if self.characters + characters > self._characters:
            raise EmbedderOverloaded(
                f"{self.characters} characters wait, {characters} more would be over the limit of {self._characters}; try again later"
            )

    def add(self, text: str) -> Slot:
        """Queue a text that is not queued yet."""
        slot = Slot(text, len(text.encode("utf-8", "surrogatepass")) // TOKEN_BYTES + 1)
        self._class(slot)[text] = slot
        self.characters += len(text)
        return slot

    def remove(self, slot: Slot) -> None:
        """Take a slot out that nobody waits for any more."""
        del self._class(slot)[slot.text]
        slot.queued = False
        self.characters -= len(slot.text)

    def take(self, *, tokens: int, share: int) -> list[Slot]:
        """The next batch: texts of one length class, at most `tokens` (but one text at least), a `share`-th of what waits there."""
        chosen = self._choose()
        if chosen is None:
            return []
        most = ceil(len(chosen) / share)
        batch: list[Slot] = []
        for slot in chosen.values():
            tokens -= slot.tokens
            if batch and (tokens < 0 or len(batch) == most):
                break
            batch.append(slot)
        for slot in batch:
            self.remove(slot)
        return batch

    def drain(self) -> list[Slot]:
        """Everything, and the queue is empty."""
        slots = [slot for group in self._classes for slot in group.values()]
        for slot in slots:
            self.remove(slot)
        return slots

    def _class(self, slot: Slot) -> dict[str, Slot]:
        return self._classes[sum(slot.tokens > bound for bound in CLASS_TOKENS)]

    def _choose(self) -> dict[str, Slot] | None:
        """The shortest class, unless a longer one has been passed over too often."""
        filled = [index for index, group in enumerate(self._classes) if group]
        if not filled:
            return None
        chosen = max(filled, key=lambda index: (self._passed[index] >= PATIENCE, -index))
        for index in filled:
            self._passed[index] += 1
        self._passed[chosen] = 0
        return self._classes[chosen]
