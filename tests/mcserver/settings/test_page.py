"""The generated files are current, and the sample says what the defaults are."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest

from mcserver.settings import load_settings
from mcserver.settings.page import GENERATED, reference_page, sample_file
from mcserver.settings.server import TABLE

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize("path", GENERATED)
def test_generated_files_are_current(path):
    assert (REPOSITORY / path).read_text(encoding="utf-8") == GENERATED[path](), "run: python -m mcserver.settings"


def test_writing_them(tmp_path, monkeypatch):
    for path in GENERATED:
        (tmp_path / path).parent.mkdir()
    monkeypatch.chdir(tmp_path)
    runpy.run_module("mcserver.settings", run_name="__main__")
    assert {path: (tmp_path / path).read_text(encoding="utf-8") for path in GENERATED} == {path: text() for path, text in GENERATED.items()}


def test_the_sample_changes_nothing_as_it_stands():
    assert tomllib.loads(sample_file()) == {}


def test_the_sample_uncommented_is_every_default(tmp_path):
    settings = re.sub(r"^# (?=[a-z0-9-]+ = )", "", sample_file(), flags=re.MULTILINE)
    assert list(tomllib.loads(settings)) == list(TABLE)
    (tmp_path / "mcserver.toml").write_text(settings, encoding="utf-8")
    (tmp_path / "none").mkdir()
    default = load_settings(["--conf", str(tmp_path / "none")], {})
    assert load_settings(["--conf", str(tmp_path)], {}).describe(["*"]) == default.describe(["*"])


@pytest.mark.parametrize("name", TABLE)
def test_every_setting_is_in_the_reference(name):
    assert f"### `{name}`\n" in reference_page()
