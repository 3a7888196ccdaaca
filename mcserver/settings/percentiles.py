"""The percentiles that INFO latencystats shows (as Redis: latency-tracking-info-percentiles)."""

from dataclasses import dataclass

from mcserver.settings.kind import Kind

_HUNDRED = 100.0


@dataclass(frozen=True, slots=True)
class Percentiles(Kind[tuple[float, ...]]):
    """Numbers from 0 to 100 with spaces between them, in any order; none at all are allowed too."""

    @property
    def valid(self) -> str:
        return "numbers from 0 to 100 with spaces between them"

    def parse(self, text: str, current: tuple[float, ...]) -> tuple[float, ...]:
        try:
            values = tuple(map(float, text.split()))
        except ValueError:
            raise ValueError("Invalid latency-tracking-info-percentiles parameters") from None
        if not all(0.0 <= value <= _HUNDRED for value in values):
            raise ValueError("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
        return values

    def format(self, value: tuple[float, ...]) -> str:
        return " ".join(map(format_percentile, value))


def format_percentile(value: float) -> str:
    """A percentile as Redis shows it: at most six decimals, no zeros at the end."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
