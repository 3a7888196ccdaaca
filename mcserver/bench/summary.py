"""Statistics of repeated measurements."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Summary:
    """Median, smallest and largest of `rounds` measurements."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Summary":
        """Summarise at least one value."""
        if not values:
            raise ValueError("no measurements to summarise: expected at least one")
        return cls(median(values), min(values), max(values), len(values))

    def __str__(self) -> str:
        if self.rounds == 1:
            return figure(self.median)
        return f"{figure(self.median)} ({figure(self.low)}-{figure(self.high)})"


def figure(value: float) -> str:
    """A number to three significant digits, whole from 100 on, thousands separated: 0.873, 12.4, 31,204."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    magnitude = math.floor(math.log10(abs(float(f"{value:.3g}"))))  # of the rounded value: 99.96 is 100
    digits = max(0, 2 - magnitude)
    return f"{value:,.{digits}f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value with at least `share` (0 to 1) of the values at or below it (nearest rank)."""
    if not values:
        raise ValueError("no measurements to rank: expected at least one")
    ordered = sorted(values)
    rank = math.ceil(share * len(ordered))
    return ordered[max(rank, 1) - 1]


CURVE_SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
"""Where latency curves are drawn."""


def percentile_curve(values: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(percentiles 0 to 100, the value at each), for a plot."""
    return tuple(share * 100 for share in CURVE_SHARES), tuple(percentile(values, share) for share in CURVE_SHARES)
