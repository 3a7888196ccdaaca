"""A graph of characters, as LATENCY GRAPH draws it: a column per value, its label underneath from top to bottom."""

from collections.abc import Iterator, Sequence

__all__ = ["draw"]

ROWS = 4
COLUMNS = 80
"""Columns side by side; more values go on underneath. Both as Redis."""

_TOPS = "_o#"
"""A row is as many steps high: what stands on top of a column, from low to high."""

_FULL = "|"


def draw(values: Sequence[int], labels: Sequence[str]) -> str:
    """The lines of the graph, each with its line end."""
    low = min(values, default=0)
    span = max(values, default=0) - low or 1
    highest = ROWS * len(_TOPS) - 1
    steps = [min(highest, (value - low) * (highest + 1) // span) for value in values]
    parts = [
        "".join(f"{line}\n" for line in _lines(steps[start : start + COLUMNS], labels[start : start + COLUMNS]))
        for start in range(0, len(steps), COLUMNS)
    ]
    return "\n".join(parts)


def _lines(steps: Sequence[int], labels: Sequence[str]) -> Iterator[str]:
    for row in reversed(range(ROWS)):
        yield "".join(_cell(step - row * len(_TOPS)) for step in steps)
    yield " " * len(steps)
    for place in range(max(map(len, labels))):
        yield "".join(label[place : place + 1] or " " for label in labels)


def _cell(step: int) -> str:
    """What a column shows in a row that begins `step` steps below its top."""
    if step < 0:
        return " "
    return _TOPS[step] if step < len(_TOPS) else _FULL
