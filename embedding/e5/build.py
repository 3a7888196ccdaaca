"""Builds the model folder of multilingual-e5-small from the weights in the installed package. Once, in a few seconds."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from embedding.e5 import checkpoint
from embedding.errors import ModelFilesError
from embedding.folder import CONFIG, MODEL, TOKENIZER, ModelConfig

NAME = "multilingual-e5-small"
MODEL_SHA256 = "8c6282f9eed129b2b500a5481b330e719c86bb0cecdec65538059fb719ce13f5"
"""Of the model.onnx that this version builds."""

Progress = Callable[[int, int, str], None]

_STEPS = ("checking the packed weights", "writing the tokenizer", "writing the network", "done")


def build(target: Path, *, progress: Progress | None = None, source: Path | None = None) -> None:
    """Make `target` the model folder, unless it is one already.

    All is written to a folder beside it that is renamed at the very end, so that a kill leaves nothing that looks built.
    Two processes may build at once: the second waits and finds it done.

    Args:
        target: the folder to be; its parents are made.
        progress: called as progress(done, total, what) before each step and at the end.
        source: the packed weights; found in the installed package where not given.

    Raises:
        ModelFilesError: package or onnx missing, other weights than expected, or the folder cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _only_builder(target):
            if not (target / CONFIG).exists():
                _build(target, progress or _silent, source)
    except OSError as error:
        raise ModelFilesError(f"cannot build {target}: {error}; expected a folder that can be written, with 200 MB free") from error


def _silent(_done: int, _total: int, _what: str) -> None:
    pass


@contextmanager
def _only_builder(target: Path) -> Iterator[None]:
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(target: Path, progress: Progress, source: Path | None) -> None:
    prefix = f".{target.name}.building-"
    for leftover in target.parent.glob(f"{prefix}*"):  # of a build that was killed: nobody else builds, we hold the lock
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent, ignore_cleanup_errors=True) as name:
        made = Path(name) / target.name
        made.mkdir()
        _fill(made, progress, source)
        made.replace(target)
    progress(len(_STEPS) - 1, len(_STEPS) - 1, _STEPS[-1])


def _fill(folder: Path, progress: Progress, source: Path | None) -> None:
    total = len(_STEPS) - 1
    progress(0, total, _STEPS[0])
    weights = checkpoint.parse(checkpoint.read(source or checkpoint.locate()))
    progress(1, total, _STEPS[1])
    hashes = {TOKENIZER: _write(folder / TOKENIZER, _tokenizer(weights))}
    progress(2, total, _STEPS[2])
    hashes[MODEL] = _write(folder / MODEL, _network(weights))
    if hashes[MODEL] != MODEL_SHA256:
        raise ModelFilesError(f"the {MODEL} built here has sha256 {hashes[MODEL]}, expected {MODEL_SHA256}; {_versions()}")
    _write(folder / CONFIG, _config(weights.shape, hashes).to_json().encode())


def _write(path: Path, data: bytes) -> str:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(data).hexdigest()


def _tokenizer(weights: checkpoint.Checkpoint) -> bytes:
    from embedding.e5.tokenizer import tokenizer_json  # noqa: PLC0415 - loads the tokenizers library

    return tokenizer_json(weights.pieces, weights.unknown).encode()


def _network(weights: checkpoint.Checkpoint) -> bytes:
    try:
        from embedding.e5.graph import model_bytes  # noqa: PLC0415 - only a build needs onnx
    except ModuleNotFoundError as error:
        raise ModelFilesError(f"building the default model needs the package {error.name}, which is not installed") from error
    return model_bytes(weights)


def _versions() -> str:
    import numpy as np  # noqa: PLC0415
    import onnx  # noqa: PLC0415
    from google import protobuf  # type: ignore[import-untyped]  # noqa: PLC0415

    found = f"onnx {onnx.__version__}, protobuf {protobuf.__version__}, numpy {np.__version__}"
    return f"it comes out right with onnx 1.23, protobuf 7 and numpy 2, found {found}"


def _config(shape: checkpoint.Shape, hashes: dict[str, str]) -> ModelConfig:
    return ModelConfig(NAME, shape.hidden, shape.positions, "mean", "query: ", hashes)
