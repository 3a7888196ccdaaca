"""A model folder: what every local model is kept as.

* config.json: name, dimension, max_tokens, pooling, prefix, sha256 of the other two
* model.onnx: (input_ids, attention_mask[, token_type_ids]) -> float32 [batch, tokens, dimension]
* tokenizer.json: as the `tokenizers` library reads it
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from embedding.errors import ModelFilesError

CONFIG = "config.json"
MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
POOLINGS = ("mean", "cls")


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What `config.json` says."""

    name: str
    dimension: int
    max_tokens: int
    """Tokens of one window, special tokens and prefix included."""
    pooling: str
    """`mean` over the tokens, or `cls`, the first one."""
    prefix: str = ""
    """Put before every text, as the model was trained."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """File name -> hash; a file that is not named here is not checked."""

    def to_json(self) -> str:
        """The text of `config.json`."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def read_config(folder: Path) -> ModelConfig:
    """The configuration of a model folder whose files are all there and are what it says they are.

    Raises:
        ModelFilesError: a file is missing, unreadable or differs from its hash, or the configuration is not valid.
    """
    config = _parse(folder / CONFIG)
    for name in (MODEL, TOKENIZER):
        _check(folder / name, config.sha256.get(name))
    return config


def _parse(path: Path) -> ModelConfig:
    try:
        values = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ModelFilesError(f"cannot read {path}: {error.strerror}; a model folder has {CONFIG}, {MODEL} and {TOKENIZER}") from error
    except ValueError as error:
        raise ModelFilesError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ModelFilesError(f"{path} must be a JSON object, found {type(values).__name__}")
    _check_values(path, values)
    return ModelConfig(**{item.name: values[item.name] for item in fields(ModelConfig) if item.name in values})


def _check_values(path: Path, values: Mapping[str, object]) -> None:
    expected = {"name": str, "dimension": int, "max_tokens": int, "pooling": str}
    for name, kind in {**expected, "prefix": str, "sha256": dict}.items():
        if name in expected and name not in values:
            raise ModelFilesError(f"{path} lacks {name!r}, expected {kind.__name__}")
        if name in values and type(values[name]) is not kind:  # a bool is no number here
            raise ModelFilesError(f"{path}: {name!r} must be {kind.__name__}, found {values[name]!r}")
    for name in ("dimension", "max_tokens"):
        if values[name] < 1:  # type: ignore[operator]
            raise ModelFilesError(f"{path}: {name!r} must be at least 1, found {values[name]!r}")
    if values["pooling"] not in POOLINGS:
        raise ModelFilesError(f"{path}: pooling must be one of {', '.join(POOLINGS)}, found {values['pooling']!r}")


def _check(path: Path, expected: str | None) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelFilesError(f"cannot read {path}: {error.strerror}") from error
    if expected and found != expected:
        raise ModelFilesError(f"{path} is damaged: sha256 {found}, expected {expected}; remove the folder to have it built or pulled again")
