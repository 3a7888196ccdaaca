import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from embedding.e5 import build as e5
from embedding.errors import ModelFilesError
from embedding.folder import CONFIG, MODEL, TOKENIZER, read_config

ROOT = Path(__file__).resolve().parents[2]

KILLED = """
import os, sys
from pathlib import Path
from embedding.e5.build import build
build(Path(sys.argv[1]), progress=lambda done, total, what: os._exit(9) if "network" in what else None)
"""


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the two slow steps."""
    monkeypatch.setattr(e5, "_tokenizer", lambda _weights: b"words")
    monkeypatch.setattr(e5, "_network", lambda _weights: b"network")
    monkeypatch.setattr(e5, "MODEL_SHA256", hashlib.sha256(b"network").hexdigest())


def test_a_kill_leaves_nothing_built_and_the_next_build_is_whole(tmp_path: Path, model_folder: Path) -> None:
    target = tmp_path / "models" / "fresh"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(target)], cwd=ROOT, timeout=120, check=False)
    assert killed.returncode == 9
    (leftover,) = target.parent.glob(".fresh.building-*/fresh/tokenizer.json")
    assert not target.exists()

    seen: list[tuple[int, int, str]] = []
    e5.build(target, progress=lambda *step: seen.append(step))
    assert not leftover.exists()
    assert sorted(path.name for path in target.parent.iterdir()) == [".fresh.lock", "fresh"]
    assert sorted(path.name for path in target.iterdir()) == sorted([CONFIG, MODEL, TOKENIZER])
    assert [(done, total) for done, total, _what in seen] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert read_config(target) == read_config(model_folder)
    assert read_config(target).sha256[MODEL] == e5.MODEL_SHA256


@pytest.mark.usefixtures("light")
def test_what_is_built_is_left_alone(tmp_path: Path) -> None:
    e5.build(tmp_path / "model")
    before = (tmp_path / "model" / CONFIG).stat()
    seen: list[str] = []
    e5.build(tmp_path / "model", progress=lambda _done, _total, what: seen.append(what))
    assert seen == []
    assert (tmp_path / "model" / CONFIG).stat() == before


@pytest.mark.usefixtures("light")
def test_a_second_builder_waits_for_the_first(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    steps: list[str] = []

    def first(_done: int, _total: int, what: str) -> None:
        steps.append(what)
        begun.set()
        go_on.wait()

    def second(_done: int, _total: int, _what: str) -> None:
        steps.append("built twice")

    builders = [threading.Thread(target=e5.build, args=[tmp_path / "m"], kwargs={"progress": step}) for step in (first, second)]
    builders[0].start()
    begun.wait()
    builders[1].start()
    go_on.set()
    for builder in builders:
        builder.join()
    assert "built twice" not in steps
    assert steps[-1] == "done"


def test_other_weights(tmp_path: Path) -> None:
    source = tmp_path / "weights.bin"
    source.write_bytes(b"other")
    with pytest.raises(ModelFilesError, match=r"weights.bin has sha256 .*, expected"):
        e5.build(tmp_path / "model", source=source)
    assert not (tmp_path / "model").exists()
    assert list(tmp_path.glob(".model.building-*")) == []


@pytest.mark.usefixtures("light")
def test_a_network_of_other_bytes_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e5, "MODEL_SHA256", "0" * 64)
    with pytest.raises(ModelFilesError, match=r"model.onnx built here has sha256 .*, expected 0{64}; .*found onnx .*, protobuf .*, numpy"):
        e5.build(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_without_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e5, "_tokenizer", lambda _weights: b"words")
    monkeypatch.delitem(sys.modules, "embedding.e5.graph", raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModelFilesError, match="building the default model needs the package onnx"):
        e5.build(tmp_path / "model")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelFilesError, match=r"cannot build .*model: .*expected a folder that can be written"):
        e5.build(tmp_path / "file" / "model")


@pytest.mark.usefixtures("light")
def test_something_else_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.txt").write_text("keep")
    with pytest.raises(ModelFilesError, match="Directory not empty"):
        e5.build(tmp_path / "model")
    assert (tmp_path / "model" / "mine.txt").read_text() == "keep"


@pytest.mark.usefixtures("light")
def test_the_configuration(tmp_path: Path) -> None:
    e5.build(tmp_path / "model")
    values = json.loads((tmp_path / "model" / CONFIG).read_text())
    assert set(values.pop("sha256")) == {MODEL, TOKENIZER}
    assert values == {
        "name": "multilingual-e5-small",
        "dimension": 384,
        "max_tokens": 512,
        "pooling": "mean",
        "prefix": "query: ",
    }
