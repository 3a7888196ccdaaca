"""What gives a pair its score. The cosine of the embeddings now; anything that takes pairs and yields numbers will do."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from embedding.seam import Encoder
from mcserver.evaluate.curve import Floats
from mcserver.evaluate.pairs import Pair

Scorer = Callable[[Sequence[Pair]], Awaitable[Floats]]
"""Pairs -> float64 [n], higher for more alike."""

_AT_ONCE = 64


def cosine_scorer(encoder: Encoder, *, workers: int) -> Scorer:
    """Scores by the cosine of the two texts' vectors, computed by so many threads side by side."""

    async def score(pairs: Sequence[Pair]) -> Floats:
        loop = asyncio.get_running_loop()
        slices = [pairs[start : start + _AT_ONCE] for start in range(0, len(pairs), _AT_ONCE)]
        with ThreadPoolExecutor(workers) as threads:
            return np.concatenate(await asyncio.gather(*(loop.run_in_executor(threads, _cosines, encoder, part) for part in slices)))

    return score


def _cosines(encoder: Encoder, pairs: Sequence[Pair]) -> Floats:
    vectors = encoder.encode([text for pair in pairs for text in (pair.stored, pair.asked)]).astype(np.float64)
    cosines: Floats = (vectors[0::2] * vectors[1::2]).sum(axis=1)
    return cosines
