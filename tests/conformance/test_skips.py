"""The lists of tests that are left out."""

import re

import pytest

from tests.conformance.skips import CLASSES, FOLDER, Kind, Skip, SkipListError, read_skips
from tests.conformance.units import UNITS


@pytest.fixture
def parse(tmp_path):
    def write(text):
        (tmp_path / "quit.txt").write_text(text)
        return read_skips("unit/quit", tmp_path)

    return write


def test_entries(parse):
    assert parse("# why\n[data]\nSET: plain\n/^LPUSH\n\n[replication]\nrun: WAIT\noutside: no (master|replica)\n") == [
        Skip("SET: plain", "data"),
        Skip("/^LPUSH", "data"),
        Skip("WAIT", "replication", Kind.RUN),
        Skip("no (master|replica)", "replication", Kind.OUTSIDE),
    ]


def test_a_unit_without_a_list(tmp_path):
    assert read_skips("unit/quit", tmp_path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SET\n", "quit.txt line 1: a test before the first [class]"),
        ("\n[taste]\nSET\n", f"quit.txt line 2: unknown class 'taste', expected one of {', '.join(CLASSES)}"),
    ],
)
def test_refused(parse, text, message):
    with pytest.raises(SkipListError, match=f"^{re.escape(message)}$"):
        parse(text)


@pytest.mark.parametrize(
    ("skip", "test", "message", "covers"),
    [
        (Skip("SET", "data"), "SET", "", True),
        (Skip("SET", "data"), "SET twice", "", False),
        (Skip("/^S.T", "data"), "SET twice", "", True),
        (Skip("/^S.T", "data"), "a SET", "", False),
        (Skip("SET", "data", Kind.RUN), "SET", "any", True),
        (Skip("no .*master", "data", Kind.OUTSIDE), "", "ERR no such master", True),
        (Skip("no .*master", "data", Kind.OUTSIDE), "", "ERR no", False),
        (Skip("no .*master", "data", Kind.OUTSIDE), "no master", "no master", False),
    ],
)
def test_covers(skip, test, message, covers):
    assert skip.covers(test, message) is covers


def test_every_list_is_of_a_unit():
    units = {unit.name.rpartition("/")[2] for unit in UNITS}
    assert {path.stem for path in FOLDER.iterdir()} <= units
    assert len(units) == len(UNITS)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_lists_can_be_read(unit):
    entries = read_skips(unit.name)
    assert len(set(entries)) == len(entries)
