"""Vectors made up for sizes that no text of ours reaches: clusters within clusters, as questions of one trade form them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

TOPIC, MEMBER, WORDING = 0.7, 0.93, 0.95
"""Cosine of a subject to its topic, of an entry to its subject, of a reworded question to its entry: two entries of one are at .86."""

SUBJECTS_PER_TOPIC, MEMBERS_PER_SUBJECT = 50, 20
BLOCK = 65536  # rows made at a time, so that a million vectors need little more than themselves


class Synthetic:
    """`count` unit vectors, float32 [count, dimension], the same for the same seed, and questions about them."""

    def __init__(self, count: int, dimension: int, *, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        subjects = -(-count // MEMBERS_PER_SUBJECT)
        topics = _unit(self._noise(-(-subjects // SUBJECTS_PER_TOPIC), dimension))
        self._subjects = self._near(topics[np.arange(subjects) % len(topics)], TOPIC)
        self.vectors: Vectors = np.empty((count, dimension), np.float32)
        for first in range(0, count, BLOCK):
            rows = np.arange(first, min(first + BLOCK, count))
            self.vectors[rows] = self._near(self._subjects[rows % subjects], MEMBER)

    def reworded(self, count: int) -> Vectors:
        """Questions that mean what one of the vectors means."""
        rows = self._rng.integers(0, len(self.vectors), count)
        return self._near(self.vectors[rows], WORDING)

    def new(self, count: int) -> Vectors:
        """Questions on known subjects that no vector answers: about twenty are almost equally near."""
        rows = self._rng.integers(0, len(self._subjects), count)
        return self._near(self._subjects[rows], MEMBER)

    def nearest(self, questions: Vectors) -> tuple[NDArray[np.int64], Vectors]:
        """Exact search: (row of the nearest vector, its cosine) of each question."""
        best = np.full(len(questions), -2, np.float32)
        row = np.zeros(len(questions), np.int64)
        for first in range(0, len(self.vectors), BLOCK):
            scores = questions @ self.vectors[first : first + BLOCK].T
            here = scores.argmax(1)
            score = scores[np.arange(len(questions)), here]
            better = score > best
            best[better], row[better] = score[better], here[better] + first
        return row, best

    def _near(self, centres: Vectors, cosine: float) -> Vectors:
        """Unit vectors at about `cosine` to `centres`, each in a direction of its own."""
        noise = self._noise(*centres.shape)
        noise -= (noise * centres).sum(1, keepdims=True) * centres
        return _unit(np.float32(cosine) * centres + np.float32(np.sqrt(1 - cosine**2)) * _unit(noise))

    def _noise(self, count: int, dimension: int) -> Vectors:
        return self._rng.standard_normal((count, dimension), np.float32)


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def blobs(vectors: Vectors) -> Iterator[bytes]:
    """The vectors as a client sends them: float32, little-endian."""
    return (row.tobytes() for row in vectors.astype("<f4"))
