"""What was embedded a moment ago: a bounded map from text to vector, least recently used out first."""

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

OVERHEAD_BYTES = 350
"""What an item costs beside its text and its numbers: dictionary slot, string and array headers."""


class VectorMemory:
    """Least recently used map within a budget of bytes. With a budget of 0 it remembers nothing."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._items: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def get(self, text: str) -> NDArray[np.float32] | None:
        """float32 [d] of a text that is remembered; it counts as used now."""
        vector = self._items.get(text)
        if vector is not None:
            self._items.move_to_end(text)
        return vector

    def put(self, text: str, vector: NDArray[np.float32]) -> None:
        """Remember a copy (the vector may be a row of a large batch). What is over the budget alone is not remembered."""
        size = self._size(text, vector)
        if size > self._limit:
            return
        self._forget(text)
        self._items[text] = vector.copy()
        self.used_bytes += size
        while self.used_bytes > self._limit:
            self._forget(next(iter(self._items)))

    def _forget(self, text: str) -> None:
        vector = self._items.pop(text, None)
        if vector is not None:
            self.used_bytes -= self._size(text, vector)

    @staticmethod
    def _size(text: str, vector: NDArray[np.float32]) -> int:
        return 4 * len(text) + vector.nbytes + OVERHEAD_BYTES  # a character takes 4 bytes at most
