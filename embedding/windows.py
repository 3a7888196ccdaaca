"""Long texts: cut into windows of tokens that the model can take, and pooled into one vector. No token is left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Window:
    """One row of a batch."""

    text: int
    """Position of the text it belongs to."""
    ids: list[int]
    """Token ids, special tokens and prefix included."""
    weight: int
    """Tokens of the text itself."""


def split(text: int, ids: list[int], *, head: int, tail: int, limit: int) -> list[Window]:
    """Windows of at most `limit` ids. Each repeats the first `head` ids (start and prefix) and the last `tail` ids (end).

    The windows of one text differ by one token at most, so that no window is a stump with hardly any context.
    """
    body = len(ids) - head - tail
    if len(ids) <= limit:
        return [Window(text, ids, max(body, 1))]
    count = -(-body // (limit - head - tail))
    cuts = [head + body * step // count for step in range(count + 1)]
    start, end = ids[:head], ids[head + body :]
    return [Window(text, start + ids[low:high] + end, high - low) for low, high in pairwise(cuts)]


def pool(windows: Sequence[Window], vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """float32 [count, d]: per text the mean of its windows' vectors by weight, unit length."""
    pooled = np.zeros((count, vectors.shape[1]), np.float32)
    weights = np.array([window.weight for window in windows], np.float32)
    np.add.at(pooled, [window.text for window in windows], vectors * weights[:, None])
    return unit(pooled)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 [n, d]: the same directions at length 1; a vector of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled
