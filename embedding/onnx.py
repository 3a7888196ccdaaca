"""Provider `onnx`: a model folder run by onnxruntime on the CPU."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedding.errors import EmbedderUnavailable, ModelFilesError
from embedding.folder import MODEL, TOKENIZER, ModelConfig, read_config
from embedding.seam import Vectors
from embedding.windows import Window, pool, split, unit

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

BATCH_TOKENS = 2048
"""Tokens, padding included, of one forward pass: 32 texts of 512 tokens at once would take up to 900 MB."""

BATCH_PADDING = 0.15
"""A forward pass ends where more than this share of it would be padding."""


class OnnxEncoder:
    """Implements `embedding.seam.Encoder` for a model folder.

    Args:
        path: the model folder.
        threads: of one forward pass. With 1 it runs on the caller's thread alone.

    Raises:
        ModelFilesError: a file is missing, damaged, or not a model of this kind.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self._config = read_config(path)
        self._tokenizer, self._pad = _load_tokenizer(path / TOKENIZER)
        self._head, self._tail = _frame(self._tokenizer, self._config.prefix)
        if self._head + self._tail >= self._config.max_tokens:
            raise ModelFilesError(f"{path}: max_tokens {self._config.max_tokens} leaves no room for text beside prefix and special tokens")
        self._session: InferenceSession | None = _load_session(path / MODEL, threads)
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._probe(path)

    @property
    def name(self) -> str:
        """`onnx:` and the name in the folder's configuration."""
        return f"onnx:{self._config.name}"

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self._config.dimension

    @property
    def max_tokens(self) -> int:
        """Tokens of one window."""
        return self._config.max_tokens

    def encode(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, d], unit length; texts longer than a window are embedded in several.

        Raises:
            EmbedderUnavailable: the encoder is closed or the runtime failed.
        """
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        windows = list(chain.from_iterable(map(self._windows, range(len(texts)), self._tokenize(texts))))
        vectors = np.empty((len(windows), self.dimension), np.float32)
        for rows in batches([len(window.ids) for window in windows]):
            vectors[rows] = self._forward([windows[row] for row in rows])
        return pool(windows, vectors, len(texts))

    def close(self) -> None:
        """Let go of the weights. A running `encode` ends undisturbed; a later one is refused."""
        self._session = None

    def _tokenize(self, texts: Sequence[str]) -> list["Encoding"]:
        prefix = self._config.prefix
        if len(texts) == 1:  # no thread pool for one text
            return [self._tokenizer.encode(prefix + texts[0])]
        return self._tokenizer.encode_batch_fast([prefix + text for text in texts])

    def _windows(self, text: int, encoding: "Encoding") -> list[Window]:
        return split(text, encoding.ids, head=self._head, tail=self._tail, limit=self.max_tokens)

    def _forward(self, windows: Sequence[Window]) -> Vectors:
        ids, mask = _padded(windows, self._pad)
        session = self._session
        if session is None:
            raise EmbedderUnavailable(f"{self.name} is closed")
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        try:
            (states, *_) = session.run(None, {name: value for name, value in feed.items() if name in self._inputs})
        except _runtime_errors() as error:
            raise EmbedderUnavailable(f"{self.name} failed on {len(windows)} x {ids.shape[1]} tokens: {error}") from error
        return unit(_pooled(states, mask, self._config))

    def _probe(self, path: Path) -> None:
        """One forward pass: a wrong dimension or a graph that cannot run shows now and not on the first request."""
        known = {"input_ids", "attention_mask", "token_type_ids"}
        if not {"input_ids", "attention_mask"} <= self._inputs <= known:
            raise ModelFilesError(f"{path / MODEL} has inputs {sorted(self._inputs)}, expected {sorted(known)} (the last optional)")
        try:
            self.encode([""])
        except (EmbedderUnavailable, ValueError, IndexError) as error:
            raise ModelFilesError(f"{path / MODEL} does not yield [batch, tokens, {self.dimension}]: {error}") from error


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows of equal or similar length together, shortest first, each batch bounded in tokens and in padding."""
    rows: list[int] = []
    used = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        tokens = (len(rows) + 1) * lengths[row]
        padding = tokens - used - lengths[row]
        if rows and (tokens > BATCH_TOKENS or padding > tokens * BATCH_PADDING):
            yield rows
            rows, used = [], 0
        rows.append(row)
        used += lengths[row]
    yield rows


def _padded(windows: Sequence[Window], pad: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    width = max(len(window.ids) for window in windows)
    ids = np.full((len(windows), width), pad, np.int64)
    mask = np.zeros((len(windows), width), np.int64)
    for row, window in enumerate(windows):
        ids[row, : len(window.ids)] = window.ids
        mask[row, : len(window.ids)] = 1
    return ids, mask


def _pooled(states: NDArray[np.float32], mask: NDArray[np.int64], config: ModelConfig) -> Vectors:
    if config.pooling == "cls":
        return states[:, 0]
    weights = mask.astype(np.float32) / mask.sum(axis=1, keepdims=True, dtype=np.float32)
    means: Vectors = np.matmul(weights[:, None, :], states)[:, 0]
    return means


def _load_tokenizer(path: Path) -> tuple["Tokenizer", int]:
    from tokenizers import Tokenizer  # noqa: PLC0415 - loaded by the provider that needs it

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelFilesError(f"{path} is not a tokenizer.json: {error}") from error
    pad = tokenizer.padding["pad_id"] if tokenizer.padding else 0
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer, pad


def _frame(tokenizer: "Tokenizer", prefix: str) -> tuple[int, int]:
    """How many ids come before (start and prefix) and after (end) those of the text itself."""
    tail: int = tokenizer.encode("x").special_tokens_mask[::-1].index(0)
    return len(tokenizer.encode(prefix.rstrip()).ids) - tail, tail


def _load_session(path: Path, threads: int) -> "InferenceSession":
    import onnxruntime  # noqa: PLC0415 - loaded by the provider that needs it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads take the processor from the event loop and from each other: latency doubled with them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except _runtime_errors() as error:
        raise ModelFilesError(f"{path} is not a model that onnxruntime can load: {error}") from error


def _runtime_errors() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415

    found: list[Any] = [value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)]
    return tuple(found)
