"""What came of a run, and how it is told."""

from collections import Counter

import pytest

from tests.conformance import report
from tests.conformance.harness import Event
from tests.conformance.run import LEFT_BY_HARNESS, Outcome
from tests.conformance.skips import Kind, Skip
from tests.conformance.stage import ROOT
from tests.conformance.units import Mode

SET = Skip("SET", "data")
ANY = Skip("/", "data")
OUTSIDE = Skip("no replica", "replication", Kind.OUTSIDE)
RUN = Skip("TEXT", "version", Kind.RUN)


def outcome(*events, entries=(SET, OUTSIDE, RUN), mode=Mode.LOCAL):
    return Outcome("unit/quit", mode, events=events, entries=entries)


def test_counts():
    done = outcome(
        Event("ok", "PING"),
        Event("ok", "QUIT"),
        Event("skip", "SET"),
        Event("ignore", "", "Not supported on external server"),
        Event("err", "TEXT", "other words"),
        Event("err", "", "outside a test: no replica"),
    )
    assert (done.passed, done.failed) == (2, [])
    assert done.skipped == Counter({"data": 1, "version": 1, LEFT_BY_HARNESS: 1})
    assert done.used == {SET, OUTSIDE, RUN}


@pytest.mark.parametrize("event", [Event("err", "PING", "no"), Event("err", "SET", "no"), Event("err", "", "outside a test: other")])
def test_failed(event):
    done = outcome(Event("ok", "QUIT"), event)
    assert (done.failed, done.used) == ([event], set())


def test_a_run_without_tests_failed():
    assert [event.detail for event in outcome().failed] == ["the harness ran no test"]


def test_an_entry_of_its_own_kind_counts():
    """A test that is run must not be taken for one that the harness leaves out, whatever else covers it."""
    assert outcome(Event("skip", "TEXT"), entries=(RUN, ANY)).used == {ANY}
    assert outcome(Event("err", "TEXT", "x"), entries=(ANY, RUN)).used == {RUN}


def test_needless():
    done = outcome(Event("ok", "SET"), Event("err", "", "outside a test: no replica"))
    assert report.needless(done, [SET, OUTSIDE, RUN]) == "unit/quit (local) passes without the entry: SET\n"


def test_told():
    done = outcome(Event("ok", "PING"), Event("skip", "SET"), Event("err", "QUIT", "came nothing"))
    assert report.line(done).split() == "unit/quit local 1 passed 1 failed skipped: 1 data".split()
    assert report.failures(done) == "--- unit/quit (local): QUIT\ncame nothing\n"
    assert report.summary([done, done]) == "2 passed, 2 failed, 2 skipped"


def test_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures -->\nold\n<!-- end -->\nafter\n")
    runs = [outcome(Event("ok", "PING"), Event("skip", "SET")), outcome(Event("ok", "PING"), mode=Mode.EXTERNAL)]
    report.write_page(page, report.figures(runs, "7.0.15"))
    text = page.read_text()
    assert text.startswith("before\n<!-- figures -->\nTests of Redis 7.0.15.\n")
    assert text.endswith("<!-- end -->\nafter\n")
    assert (
        "| unit/quit | external | 1 | 0 | 0 |  |\n| unit/quit | local | 1 | 0 | 1 | data 1 |\n| **all** | | **2** | **0** | **1** | |\n"
        in text
    )
    assert "| data | 1 |" in text
    assert "| scripting |" not in text


def test_the_page_has_a_place_for_the_figures():
    text = (ROOT / "docs" / "conformance.md").read_text()
    assert text.count("<!-- figures -->\n") == text.count("<!-- end -->") == 1
