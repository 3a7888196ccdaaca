"""What it took to do something with a number of texts, on either side of a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from mcserver.bench.summary import figure


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds in all, seconds of processor time (0 where unknown), and of each text where they were timed one by one."""

    texts: int
    seconds: float
    processor: float
    each: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        """Texts per second."""
        return self.texts / self.seconds

    @classmethod
    def joined(cls, parts: Sequence["Cost"]) -> "Cost":
        """The cost of several parts, one after the other."""
        each = tuple(seconds for part in parts for seconds in part.each)
        return cls(sum(part.texts for part in parts), sum(part.seconds for part in parts), sum(part.processor for part in parts), each)


def processor_note(ours: Sequence[Cost], theirs: Sequence[Cost], *, scale: float = 1e3, unit: str = "ms") -> str:
    """Processor time a text on both sides, for a row's note: it hardly depends on what else the machine does. Empty where unknown."""
    if not all(cost.processor for cost in (*ours, *theirs)):
        return ""
    mine, other = (figure(median(cost.processor / cost.texts for cost in side) * scale) for side in (ours, theirs))
    return f"processor {mine} {unit} each against {other}"
