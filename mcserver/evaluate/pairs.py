"""Labelled pairs of texts, and long ones made of them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_FIELDS = 3
_LABELS = {"1": True, "0": False}


class PairFileError(Exception):
    """A pair file cannot be read or is not what it should be."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What the cache holds, what is asked, and whether the answer of the first serves the second."""

    stored: str
    asked: str
    right: bool


@dataclass(frozen=True, slots=True)
class PairFile:
    """The pairs of one file and its name without the ending."""

    name: str
    pairs: Sequence[Pair]


def read_pairs(path: Path) -> PairFile:
    """The pairs of a UTF-8 file of lines `text<TAB>text<TAB>1 or 0`.

    Raises:
        PairFileError: it cannot be read, a line has another form, or one of the labels does not occur.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise PairFileError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise PairFileError(f"{path} is not UTF-8: {error}") from None
    pairs = list(_parse(path, text))
    if len({pair.right for pair in pairs}) != len(_LABELS):
        raise PairFileError(f"{path} has {len(pairs)} pairs of one kind, expected some with label 1 and some with label 0")
    return PairFile(path.stem, pairs)


def _parse(path: Path, text: str) -> Iterator[Pair]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        fields = line.rstrip("\r").split("\t")
        if len(fields) != _FIELDS or fields[-1] not in _LABELS:
            raise PairFileError(f"{path}, line {number}: expected text, tab, text, tab, 1 or 0; found {line[:80]!r}")
        yield Pair(fields[0], fields[1], _LABELS[fields[2]])


def sample(pairs: Sequence[Pair], count: int, seed: int) -> list[Pair]:
    """At most `count` of the pairs, drawn without putting back; the same for the same seed."""
    return random.Random(seed).sample(pairs, min(count, len(pairs)))  # noqa: S311 - to be repeated, not to be secret


def join_long(pairs: Sequence[Pair], *, longer_than: int, count: int, seed: int) -> list[Pair]:
    """`count` pairs of texts that are longer than `longer_than` characters on both sides, made of short pairs.

    A text is several questions, one a line, up to four times the least length. From one to all of them differ between the two
    sides. In the right half of the pairs they all are asked in other words (pairs with label 1); in the wrong half one of them is
    another question (a pair with label 0), as when a long prompt is sent again with one thing changed.
    """
    draw = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    reworded = [pair for pair in pairs if pair.right]
    changed = [pair for pair in pairs if not pair.right]
    return [_join(draw, reworded, changed if number % 2 else [], longer_than) for number in range(count)]


def _join(draw: random.Random, reworded: Sequence[Pair], changed: Sequence[Pair], longer_than: int) -> Pair:
    least = draw.randint(longer_than + 1, 4 * (longer_than + 1))
    parts = [draw.choice(changed or reworded)]
    while sum(min(len(part.stored), len(part.asked)) for part in parts) < least:
        parts.append(draw.choice(reworded))
    differing = draw.randint(1, len(parts))
    asked = [part.asked if place < differing else part.stored for place, part in enumerate(parts)]
    order = draw.sample(range(len(parts)), len(parts))
    return Pair("\n".join(parts[place].stored for place in order), "\n".join(asked[place] for place in order), right=not changed)
