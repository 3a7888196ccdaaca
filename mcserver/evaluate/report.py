"""What an evaluation found, as a table and as JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from mcserver.evaluate.curve import Recommendation, Scored

WRONG_RATES = (0.01, 0.03, 0.05, 0.10)
"""Wrong-hit rates at which the hit rate is shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One file in one length class."""

    file: str
    length: str
    """`short` or `long`, as the server tells them apart."""
    right: int
    wrong: int
    """Numbers of pairs."""
    auc: float
    threshold: float
    """In force for this length class."""
    hit_rate: float
    wrong_rate: float
    hit_rate_at: dict[str, float]
    """Wrong-hit rate in percent -> best hit rate."""


@dataclass(frozen=True, slots=True)
class Advice:
    """The recommended threshold of a length class."""

    setting: str
    recommendation: Recommendation


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run found."""

    embedder: str
    seed: int
    rows: Sequence[Row]
    advice: Sequence[Advice]

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)

    def to_table(self) -> str:
        """Plain text, one line a file and length class, then one line a recommendation."""
        title = f"scores of {self.embedder}, seed {self.seed}"
        return "\n".join([title, "", *_table(self.rows), "", *map(_sentence, self.advice)])


def make_row(file: str, length: str, scored: Scored, threshold: float) -> Row:
    """Everything about the scores of one file in one length class."""
    return Row(
        file=file,
        length=length,
        right=len(scored.right),
        wrong=len(scored.wrong),
        auc=scored.auc(),
        threshold=threshold,
        hit_rate=scored.hit_rate(threshold),
        wrong_rate=scored.wrong_rate(threshold),
        hit_rate_at={f"{100 * rate:g}": scored.hit_rate_at(rate) for rate in WRONG_RATES},
    )


def _table(rows: Sequence[Row]) -> Iterator[str]:
    rates = [f"hits@{100 * rate:g}%" for rate in WRONG_RATES]
    heads = ["file", "texts", "right", "wrong", "AUC", "threshold", "hits", "wrong hits", *rates]
    cells = [heads, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))])


def _cells(row: Row) -> list[str]:
    rates: Iterable[float] = (row.hit_rate, row.wrong_rate, *row.hit_rate_at.values())
    counts = [str(row.right), str(row.wrong)]
    return [row.file, row.length, *counts, f"{row.auc:.3f}", f"{row.threshold:.3f}", *map(_percent, rates)]


def _sentence(advice: Advice) -> str:
    found = advice.recommendation
    interval = f"95 % interval {found.low:.4f} to {found.high:.4f}"
    check = f"on the other half: {_percent(found.hit_rate)} hits, {_percent(found.wrong_rate)} wrong hits"
    return f"{advice.setting} {found.threshold:.4f} for {_percent(found.wanted)} wrong hits ({interval}); {check}"


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"
