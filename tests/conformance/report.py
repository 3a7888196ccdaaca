"""What is printed, and the page docs/conformance.md."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.conformance.run import LEFT_BY_HARNESS, Outcome
from tests.conformance.skips import CLASSES, Skip
from tests.conformance.units import MODES

REASONS = CLASSES | {LEFT_BY_HARNESS: "left out by the harness itself: the test's tags do not fit the mode, or want several databases"}
_MARKED = re.compile(r"(?s)(<!-- {name} -->\n).*?(<!-- end -->)".replace("{name}", "figures"))


def line(outcome: Outcome) -> str:
    """One run in one line."""
    skipped = ", ".join(f"{count} {why}" for why, count in sorted(outcome.skipped.items()))
    return (
        f"{outcome.unit:28} {outcome.mode:9} {outcome.passed:3} passed  {len(outcome.failed):2} failed  {skipped and 'skipped: '}{skipped}"
    )


def failures(outcome: Outcome) -> str:
    """Each test that failed with what came instead."""
    return "\n".join(f"--- {outcome.unit} ({outcome.mode}): {event.test or 'outside a test'}\n{event.detail}" for event in outcome.failed)


def figures(outcomes: Sequence[Outcome], version: str) -> str:
    """The tables of the page."""
    total = Counter[str]()
    rows = []
    for outcome in sorted(outcomes, key=lambda one: (one.unit, one.mode)):
        skipped = outcome.skipped.total()
        reasons = ", ".join(f"{why} {count}" for why, count in sorted(outcome.skipped.items()))
        rows.append(f"| {outcome.unit} | {outcome.mode} | {outcome.passed} | {len(outcome.failed)} | {skipped} | {reasons} |\n")
        total.update(outcome.skipped)
    passed, failed = sum(one.passed for one in outcomes), sum(len(one.failed) for one in outcomes)
    rows.append(f"| **all** | | **{passed}** | **{failed}** | **{total.total()}** | |\n")
    modes = "".join(f"| {mode} | {meaning} |\n" for mode, meaning in MODES.items())
    reasons = "".join(f"| {why} | {total[why]} | {meaning} |\n" for why, meaning in REASONS.items() if total[why])
    return (
        f"Tests of Redis {version}.\n\n| Unit | Mode | Passed | Failed | Skipped | Skipped for |\n|---|---|---:|---:|---:|---|\n{''.join(rows)}\n"
        f"| Mode | What it is |\n|---|---|\n{modes}\n| Skipped for | Tests | What it means |\n|---|---:|---|\n{reasons}"
    )


def write_page(path: Path, text: str) -> None:
    """Put the figures in their place in the page."""
    page = path.read_text(encoding="utf-8")
    path.write_text(_MARKED.sub(lambda found: f"{found[1]}{text}{found[2]}", page), encoding="utf-8")


def needless(outcome: Outcome, entries: Iterable[Skip]) -> list[str]:
    """The entries that cover tests of this run which all passed."""
    results = {entry: {event.result for event in outcome.events if entry.covers(event.test)} for entry in entries}
    return [
        f"{outcome.unit} ({outcome.mode}) passes without the entry: {entry.pattern}" for entry, found in results.items() if found == {"ok"}
    ]


def summary(outcomes: Iterable[Outcome]) -> str:
    """All runs in one line."""
    outcomes = list(outcomes)
    passed, failed = sum(one.passed for one in outcomes), sum(len(one.failed) for one in outcomes)
    return f"{passed} passed, {failed} failed, {sum(one.skipped.total() for one in outcomes)} skipped"
