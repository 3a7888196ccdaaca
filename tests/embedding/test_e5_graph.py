"""The network against a second, plain forward pass written from the description of the file."""

import struct
from collections.abc import Iterator
from math import erf, sqrt
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from embedding.e5 import checkpoint
from embedding.onnx import OnnxEncoder

Array = NDArray[np.float32]

TEXTS = [
    "how do I reset my password?",
    "如何重置我的密码？",
    "The 3 quick brown foxes jumped over 17 lazy dogs; 他们没有回头。",
    "x",
    "",
]

_erf = np.frompyfunc(erf, 1, 1)


class Reference:
    """Post-norm BERT in float32 over the dequantised weights."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.tensors = dict(_tensors(data))

    def floats(self, name: str) -> Array:
        _kind, count, offset = self.tensors[name]
        return np.frombuffer(self.data, "<f4", count, offset)

    def rows(self, name: str, width: int, numbers: list[int] | None = None) -> Array:
        """Rows of a quantised matrix: per block of 32 a float16 scale, low nibbles, high nibbles."""
        _kind, count, offset = self.tensors[name]
        size = width // 32 * 18
        packed = np.frombuffer(self.data, np.uint8, count // 32 * 18, offset).reshape(-1, size)
        blocks = (packed if numbers is None else packed[numbers]).reshape(-1, 18)
        scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
        nibbles = np.hstack([blocks[:, 2:] & 15, blocks[:, 2:] >> 4]).astype(np.float32)
        weights: Array = ((nibbles - 8) * scales).reshape(-1, width)
        return weights

    def linear(self, value: Array, name: str) -> Array:
        weights = self.rows(f"{name}.w", value.shape[1])
        product: Array = value @ weights.T + self.floats(f"{name}.b")
        return product

    def norm(self, value: Array, name: str) -> Array:
        centred = value - value.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        normed: Array = scaled * self.floats(f"{name}.w") + self.floats(f"{name}.b")
        return normed

    def layer(self, state: Array, name: str) -> Array:
        query, key, value = (self.linear(state, f"{name}.{part}").reshape(-1, 12, 32).transpose(1, 0, 2) for part in "qkv")
        scores = np.exp(query @ key.transpose(0, 2, 1) / sqrt(32))
        mixed = (scores / scores.sum(axis=2, keepdims=True) @ value).transpose(1, 0, 2).reshape(-1, 384)
        state = self.norm(state + self.linear(mixed, f"{name}.ao"), f"{name}.aln")
        wide = self.linear(state, f"{name}.fi")
        active = wide * (1 + _erf(wide / sqrt(2)).astype(np.float32)) / 2
        return self.norm(state + self.linear(active, f"{name}.fo"), f"{name}.oln")

    def embed(self, ids: list[int]) -> Array:
        positions, kinds = self.floats("emb.pos").reshape(-1, 384), self.floats("emb.type").reshape(-1, 384)
        state = self.norm(self.rows("emb.word", 384, ids) + positions[: len(ids)] + kinds[0], "emb.ln")
        for index in range(12):
            state = self.layer(state, f"l{index}")
        mean = state.mean(axis=0)
        vector: Array = mean / np.linalg.norm(mean)
        return vector


def _tensors(data: bytes) -> Iterator[tuple[str, tuple[int, int, int]]]:
    (pieces,) = struct.unpack_from("<i", data, 44)
    (blob,) = struct.unpack_from("<Q", data, 64)
    at = 72 + 4 * (pieces + 1) + 4 * pieces + blob
    (rules,) = struct.unpack_from("<4xI", data, at)
    at += 8 + rules
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        kind, values, offset, _size = struct.unpack_from("<BIQQ", data, at + 2 + length)
        at += 2 + length + 21
        yield name, (kind, values, offset)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(checkpoint.locate().read_bytes())


@pytest.mark.parametrize("text", TEXTS)
def test_as_the_reference(text: str, reference: Reference, e5_encoder: OnnxEncoder, model_folder: Path) -> None:
    ids = Tokenizer.from_file(str(model_folder / "tokenizer.json")).encode("query: " + text).ids
    assert float(e5_encoder.encode([text])[0] @ reference.embed(ids)) > 0.999
