"""The page of commands is current and complete."""

import runpy
import warnings
from pathlib import Path

import pytest

from mcserver.commands import FAMILIES
from mcserver.reference import GENERATED, reference_page
from mcserver.table import Table

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("path", GENERATED)
def test_generated_files_are_current(path):
    assert (REPOSITORY / path).read_text(encoding="utf-8") == GENERATED[path](), "run: python -m mcserver.reference"


def test_writing_them(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():  # runpy warns that the module is imported already
        warnings.simplefilter("ignore", RuntimeWarning)
        runpy.run_module("mcserver.reference", run_name="__main__")
    assert (tmp_path / "docs/commands.md").read_text(encoding="utf-8") == reference_page()


def test_every_command_is_there():
    page = reference_page()
    for command in Table(FAMILIES):
        for shown in command.subcommands.values() or [command]:
            assert f"| `{shown.name.upper().replace('|', ' ')}" in page
            assert shown.summary in page


def test_containers_stand_for_their_subcommands():
    page = reference_page()
    assert "| `CLIENT`" not in page
    assert "| `COMMAND` |" in page  # answers by itself too
