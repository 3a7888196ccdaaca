"""The real default model, built once per machine, and a tiny one."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedding.e5 import build as e5
from embedding.folder import CONFIG
from embedding.onnx import OnnxEncoder
from tests.embedding.tiny_model import TinyModel

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The default model. `TEST_MODEL_FOLDER` names the folder it is kept in."""
    folder = Path(os.environ.get("TEST_MODEL_FOLDER", ROOT / ".cache" / "model")) / e5.NAME
    if folder.exists() and e5.MODEL_SHA256 not in (folder / CONFIG).read_text():
        shutil.rmtree(folder)  # of an older recipe
    e5.build(folder)
    return folder


@pytest.fixture(scope="session")
def e5_encoder(model_folder: Path) -> Iterator[OnnxEncoder]:
    encoder = OnnxEncoder(model_folder, threads=1)
    yield encoder
    encoder.close()


@pytest.fixture
def tiny(tmp_path: Path) -> TinyModel:
    return TinyModel(tmp_path / "tiny")
