"""What a benchmark run hands back: rows of ratios with their budgets, curves to plot, the machine; as a table and as JSON."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import Enum

from mcserver.bench.machine import Machine
from mcserver.bench.summary import Summary


class Verdict(Enum):
    """How a row stands to its budget."""

    MET = "met"
    MISSED = "MISSED"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """The bound of a ratio: it must be at least `limit`, or at most that where `ceiling` is true."""

    limit: float
    ceiling: bool = False

    def judge(self, ratio: float) -> Verdict:
        """Whether `ratio` keeps to the bound; on the bound is met."""
        met = ratio <= self.limit if self.ceiling else ratio >= self.limit
        return Verdict.MET if met else Verdict.MISSED

    def __str__(self) -> str:
        return f"{'<=' if self.ceiling else '>='} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: `measured` against `compared`, both in `unit`; `ratio` is taken round by round, so that drift cancels."""

    section: str
    name: str
    unit: str
    measured: Summary
    against: str = ""
    compared: Summary | None = None
    ratio: Summary | None = None
    budget: Budget | None = None
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether the median ratio keeps to the budget."""
        if self.budget is None or self.ratio is None:
            return Verdict.NONE
        return self.budget.judge(self.ratio.median)


def compare(
    section: str,
    name: str,
    *,
    unit: str,
    measured: Sequence[float],
    compared: Sequence[float],
    against: str,
    budget: Budget | None = None,
    note: str = "",
) -> Row:
    """A row from the figures of alternating rounds; `measured` and `compared` are of the same length, pair by pair."""
    ratios = [ours / theirs for ours, theirs in zip(measured, compared, strict=True)]
    return Row(section, name, unit, Summary.of(measured), against, Summary.of(compared), Summary.of(ratios), budget, note)


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot; `scale` is that of the y axis, `linear` or `log`."""

    plot: str
    label: str
    x_axis: str
    y_axis: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    scale: str = "linear"


@dataclass(frozen=True, slots=True)
class Findings:
    """What a section found; `skipped` says why it could not measure something here, `failed` what went wrong."""

    rows: tuple[Row, ...] = ()
    curves: tuple[Curve, ...] = ()
    skipped: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run."""

    machine: Machine
    plan: str
    findings: tuple[Findings, ...]

    @property
    def rows(self) -> list[Row]:
        """Every row, in the order of the sections."""
        return [row for finding in self.findings for row in finding.rows]

    @property
    def curves(self) -> list[Curve]:
        """Every curve, in the order of the sections."""
        return [curve for finding in self.findings for curve in finding.curves]

    @property
    def skipped(self) -> list[str]:
        """Why something could not be measured on this machine."""
        return [reason for finding in self.findings for reason in finding.skipped]

    @property
    def failed(self) -> list[str]:
        """Sections that broke off, with the reason."""
        return [reason for finding in self.findings for reason in finding.failed]

    def json(self) -> str:
        """The run as one JSON document; every row also carries its verdict."""
        rows = [asdict(row) | {"verdict": row.verdict.value or None} for row in self.rows]
        document = {
            "machine": asdict(self.machine),
            "plan": self.plan,
            "rows": rows,
            "curves": [asdict(curve) for curve in self.curves],
            "skipped": self.skipped,
            "failed": self.failed,
        }
        return json.dumps(document, ensure_ascii=False, indent=1)

    def text(self) -> str:
        """The run for people: the machine, a Markdown table of the rows, what was skipped."""
        parts = [str(self.machine), f"sizes: {self.plan}", "", *table(self.rows)]
        parts += [f"skipped: {reason}" for reason in self.skipped]
        parts += [f"FAILED: {reason}" for reason in self.failed]
        return "\n".join(parts)


HEADER = ("section", "what", "measured", "against", "compared", "ratio", "budget", "verdict", "note")


def table(rows: Iterable[Row]) -> list[str]:
    """The lines of a Markdown table with aligned columns."""
    cells = [HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADER))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return [lines[0], rule, *lines[1:]]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.section,
        row.name,
        f"{row.measured} {row.unit}".rstrip(),
        row.against,
        "" if row.compared is None else f"{row.compared} {row.unit}".rstrip(),
        "" if row.ratio is None else str(row.ratio),
        "" if row.budget is None else str(row.budget),
        row.verdict.value,
        row.note,
    )
