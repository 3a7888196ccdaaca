"""What is printed, and the page docs/conformance.md."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.conformance.run import LEFT_BY_HARNESS, Outcome
from tests.conformance.skips import CLASSES, Skip
from tests.conformance.units import MODES

REASONS = CLASSES | {LEFT_BY_HARNESS: "left out by the harness itself: the test's tags do not fit the mode, or want several databases"}
_MARKED = re.compile(r"(<!-- figures -->\n).*?(<!-- end -->)", re.DOTALL)


def line(outcome: Outcome) -> str:
    """One run in one line."""
    skipped = ", ".join(f"{count} {why}" for why, count in sorted(outcome.skipped.items()))
    return (
        f"{outcome.unit:28} {outcome.mode:9} {outcome.passed:3} passed  {len(outcome.failed):2} failed  {skipped and 'skipped: '}{skipped}"
    )


def failures(outcome: Outcome) -> str:
    """Each test that failed, with what came instead."""
    return "".join(f"--- {outcome.unit} ({outcome.mode}): {event.test or 'between tests'}\n{event.detail}\n" for event in outcome.failed)


def figures(outcomes: Iterable[Outcome], version: str) -> str:
    """The tables of the page."""
    outcomes = sorted(outcomes, key=lambda one: (one.unit, one.mode))
    skipped = sum((one.skipped for one in outcomes), Counter[str]())
    passed, failed = sum(one.passed for one in outcomes), sum(len(one.failed) for one in outcomes)
    lines = [
        f"Tests of Redis {version}.\n",
        *("| Unit | Mode | Passed | Failed | Skipped | Skipped for |", "|---|---|---:|---:|---:|---|"),
        *map(_row, outcomes),
        f"| **all** | | **{passed}** | **{failed}** | **{skipped.total()}** | |\n",
        *("| Mode | What it is |", "|---|---|"),
        *(f"| {mode} | {meaning} |" for mode, meaning in MODES.items()),
        *("", "| Skipped for | Tests | What it means |", "|---|---:|---|"),
        *(f"| {why} | {skipped[why]} | {meaning} |" for why, meaning in REASONS.items() if skipped[why]),
    ]
    return "\n".join([*lines, ""])


def _row(outcome: Outcome) -> str:
    reasons = ", ".join(f"{why} {count}" for why, count in sorted(outcome.skipped.items()))
    return f"| {outcome.unit} | {outcome.mode} | {outcome.passed} | {len(outcome.failed)} | {outcome.skipped.total()} | {reasons} |"


def write_page(path: Path, text: str) -> None:
    """Put the figures in their place in the page."""
    page = path.read_text(encoding="utf-8")
    path.write_text(_MARKED.sub(lambda found: f"{found[1]}{text}{found[2]}", page), encoding="utf-8")


def needless(outcome: Outcome, entries: Iterable[Skip]) -> str:
    """The entries whose tests were run all the same, and all passed; a line for each."""
    results = {entry: {event.result for event in outcome.events if entry.covers(event.test)} for entry in entries}
    passed = [entry for entry, found in results.items() if found == {"ok"}]
    return "".join(f"{outcome.unit} ({outcome.mode}) passes without the entry: {entry.pattern}\n" for entry in passed)


def summary(outcomes: Iterable[Outcome]) -> str:
    """All runs in one line."""
    outcomes = list(outcomes)
    passed, failed = sum(one.passed for one in outcomes), sum(len(one.failed) for one in outcomes)
    return f"{passed} passed, {failed} failed, {sum(one.skipped.total() for one in outcomes)} skipped"
