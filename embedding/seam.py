"""The seam of this room. Every provider passes the same contract tests (tests/embedding)."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """A provider: a blocking model that turns texts into vectors on whatever thread it is called from.

    Properties and `encode` may be used from several threads. The same text gets the same vector whatever else is in the batch.
    """

    @property
    def name(self) -> str:
        """Stable name of model and weights, as stored with every model that uses it (`onnx:multilingual-e5-small`)."""
        ...

    @property
    def dimension(self) -> int:
        """Length d of its vectors."""
        ...

    @property
    def max_tokens(self) -> int:
        """Tokens of one window; longer texts are embedded in several and pooled."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, d], unit length. Raises EmbeddingError."""
        ...

    def close(self) -> None:
        """Let go of the weights."""
        ...


class Embedder(Protocol):
    """What the cache awaits: an encoder behind a micro-batcher."""

    @property
    def name(self) -> str:
        """As Encoder.name."""
        ...

    @property
    def dimension(self) -> int:
        """As Encoder.dimension."""
        ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, d], unit length, in the order of `texts`. Raises EmbedderOverloaded, EmbedderUnavailable."""
        ...

    async def close(self) -> None:
        """Finish the batch that runs, fail what waits, close the encoder."""
        ...
