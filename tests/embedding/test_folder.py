import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from embedding.errors import ModelFilesError
from embedding.folder import CONFIG, MODEL, TOKENIZER, ModelConfig, read_config


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / MODEL).write_bytes(b"network")
    (tmp_path / TOKENIZER).write_bytes(b"words")
    hashes = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in (MODEL, TOKENIZER)}
    (tmp_path / CONFIG).write_text(ModelConfig("m", 4, 16, "cls", "ask: ", hashes).to_json())
    return tmp_path


def test_what_is_written_is_read(folder: Path) -> None:
    config = read_config(folder)
    assert (config.name, config.dimension, config.max_tokens, config.pooling, config.prefix) == ("m", 4, 16, "cls", "ask: ")
    assert set(config.sha256) == {MODEL, TOKENIZER}


@pytest.mark.parametrize("name", [CONFIG, MODEL, TOKENIZER])
def test_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelFilesError, match=rf"cannot read .*{name}: No such file"):
        read_config(folder)


@pytest.mark.parametrize("name", [MODEL, TOKENIZER])
def test_damaged_file(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1] + b"!")
    with pytest.raises(ModelFilesError, match=rf"{name} is damaged: sha256 .*, expected"):
        read_config(folder)


def test_file_without_a_hash_is_not_checked(folder: Path) -> None:
    _change(folder, sha256={})
    (folder / MODEL).write_bytes(b"another")
    assert read_config(folder).sha256 == {}


def test_prefix_and_hashes_may_be_left_out_and_more_may_be_there(folder: Path) -> None:
    (folder / CONFIG).write_text('{"name": "m", "dimension": 4, "max_tokens": 16, "pooling": "mean", "revision": 7}')
    assert read_config(folder) == ModelConfig("m", 4, 16, "mean")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": None}, "lacks 'name', expected str"),
        ({"dimension": "4"}, "'dimension' must be int, found '4'"),
        ({"dimension": True}, "'dimension' must be int, found True"),
        ({"dimension": 0}, "'dimension' must be at least 1, found 0"),
        ({"max_tokens": -1}, "'max_tokens' must be at least 1, found -1"),
        ({"pooling": "max"}, "pooling must be one of mean, cls, found 'max'"),
        ({"prefix": 3}, "'prefix' must be str, found 3"),
        ({"sha256": "no"}, "'sha256' must be dict, found 'no'"),
    ],
)
def test_bad_value(folder: Path, changes: dict[str, Any], message: str) -> None:
    _change(folder, **changes)
    with pytest.raises(ModelFilesError, match=message):
        read_config(folder)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is not JSON"), ("[]", "must be a JSON object, found list"), ("\udcff", "is not JSON")]
)
def test_bad_json(folder: Path, text: str, message: str) -> None:
    (folder / CONFIG).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ModelFilesError, match=message):
        read_config(folder)


def _change(folder: Path, **changes: Any) -> None:
    values = json.loads((folder / CONFIG).read_text()) | changes
    (folder / CONFIG).write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
