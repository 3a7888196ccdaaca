"""Kinds of setting: how a value is read from text and shown as text, in Redis' forms and Redis' words.

`parse` raises ValueError with the reason that CONFIG SET gives; `valid` is what start-up errors and the reference page say instead.
"""

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
W = TypeVar("W", bound=str)

Plain = bool | int | float | str | list[str]
"""What a TOML file holds for a value."""

INT_MAX = 2**31 - 1
UINT_MAX = 2**32 - 1
LLONG_MAX = 2**63 - 1
KB = 1024
MB = 1024 * KB
GB = 1024 * MB

_INTEGER = re.compile(r"0|-?[1-9]\d{0,18}", re.ASCII)
_OCTAL = re.compile(r"[0-7]{1,6}", re.ASCII)
_MEMORY = re.compile(r"(\d+)(b|k|kb|m|mb|g|gb)?", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1000, "kb": KB, "m": 1000**2, "mb": MB, "g": 1000**3, "gb": GB}


class Kind(ABC, Generic[T]):
    """A type of setting with its bounds.

    separator: stands in its text between what is an array in a TOML file. accumulates: a source adds to what the sources before it gave.
    """

    __slots__ = ()

    separator = " "
    accumulates = False

    @property
    @abstractmethod
    def valid(self) -> str:
        """What may be given, in words that follow "expected"."""

    @abstractmethod
    def parse(self, text: str, current: T) -> T:
        """The value of `text`; `current` is the value in force, for kinds that change only parts of it. Raises ValueError."""

    def format(self, value: T) -> str:
        """The text that CONFIG GET answers."""
        return str(value)

    def written(self, value: T) -> str:
        """The text that a person would write."""
        return self.format(value)

    def plain(self, value: T) -> Plain:
        """What a TOML file holds for the value."""
        return self.written(value)


@dataclass(frozen=True, slots=True)
class Integer(Kind[int]):
    """A whole number, written as Redis accepts it: no sign but minus, no leading zeros, no spaces."""

    low: int
    high: int = INT_MAX
    unit: str = ""

    @property
    def valid(self) -> str:
        noun = f"number of {self.unit}" if self.unit else "number"
        return f"a whole {noun} from {self.low} to {self.high}"

    def parse(self, text: str, current: int) -> int:
        if not _INTEGER.fullmatch(text):
            raise ValueError("argument couldn't be parsed into an integer")
        return _bounded(int(text), self.low, self.high)

    def plain(self, value: int) -> int:
        return value


@dataclass(frozen=True, slots=True)
class Octal(Kind[int]):
    """Permissions of a file, as chmod takes them: 700."""

    high: int

    @property
    def valid(self) -> str:
        return f"an octal number from 0 to {self.high:o}"

    def parse(self, text: str, current: int) -> int:
        if not _OCTAL.fullmatch(text):
            raise ValueError("argument couldn't be parsed as an octal number")
        value = int(text, 8)
        if value > self.high:
            raise ValueError(f"argument must be between 0 and {self.high:o} inclusive")
        return value

    def format(self, value: int) -> str:
        return f"{value:o}"


@dataclass(frozen=True, slots=True)
class Memory(Kind[int]):
    """A number of bytes, with a unit or without: 100mb is 100 * 1024 * 1024, 100m is 100 million."""

    low: int = 0
    high: int = LLONG_MAX

    @property
    def valid(self) -> str:
        return f"bytes, as in 65536 or 64kb, from {self.written(self.low)} to {self.written(self.high)}"

    def parse(self, text: str, current: int) -> int:
        return _bounded(read_memory(text), self.low, self.high)

    def written(self, value: int) -> str:
        """With the largest unit that leaves a whole number."""
        for unit, size in (("gb", GB), ("mb", MB), ("kb", KB)):
            if value and value % size == 0:
                return f"{value // size}{unit}"
        return str(value)


@dataclass(frozen=True, slots=True)
class Number(Kind[float]):
    """A decimal number."""

    low: float
    high: float

    @property
    def valid(self) -> str:
        return f"a number from {self.format(self.low)} to {self.format(self.high)}"

    def parse(self, text: str, current: float) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value):
            raise ValueError("argument couldn't be parsed into a number")
        if not self.low <= value <= self.high:
            raise ValueError(f"argument must be between {self.format(self.low)} and {self.format(self.high)} inclusive")
        return value

    def format(self, value: float) -> str:
        """The shortest text that reads back as the same number."""
        return repr(value).removesuffix(".0")

    def plain(self, value: float) -> float:
        return value


@dataclass(frozen=True, slots=True)
class Flag(Kind[bool]):
    """yes or no."""

    @property
    def valid(self) -> str:
        return "yes or no"

    def parse(self, text: str, current: bool) -> bool:
        if text.lower() not in {"yes", "no"}:
            raise ValueError("argument must be 'yes' or 'no'")
        return text.lower() == "yes"

    def format(self, value: bool) -> str:
        return "yes" if value else "no"

    def plain(self, value: bool) -> bool:
        return value


@dataclass(frozen=True, slots=True)
class Choice(Kind[W]):
    """One of a few words, in any case."""

    words: tuple[W, ...]

    @property
    def valid(self) -> str:
        return f"one of {', '.join(self.words)}"

    def parse(self, text: str, current: W) -> W:
        for word in self.words:
            if word == text.lower():
                return word
        raise ValueError(f"argument(s) must be one of the following: {', '.join(self.words)}")


@dataclass(frozen=True, slots=True)
class Text(Kind[str]):
    """Any text, or text of one form: `pattern` is what all of it must match, `form` says so in words."""

    pattern: str = ""
    form: str = "text"

    @property
    def valid(self) -> str:
        return self.form

    def parse(self, text: str, current: str) -> str:
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise ValueError(f"argument must be {self.form}")
        return text


@dataclass(frozen=True, slots=True)
class Folder(Kind[Path]):
    """A folder of the file system, made when it is not there."""

    @property
    def valid(self) -> str:
        return "the path of a folder"

    def parse(self, text: str, current: Path) -> Path:
        if not text:
            raise ValueError("argument must be the path of a folder")
        return Path(text)


@dataclass(frozen=True, slots=True)
class Words(Kind[tuple[str, ...]]):
    """From `least` to `most` words with spaces between them."""

    most: int
    least: int = 1

    @property
    def valid(self) -> str:
        return f"{self.least} to {self.most} words with spaces between them"

    def parse(self, text: str, current: tuple[str, ...]) -> tuple[str, ...]:
        words = tuple(text.split())
        if not self.least <= len(words) <= self.most:
            raise ValueError(f"argument must be {self.valid}")
        return words

    def format(self, value: tuple[str, ...]) -> str:
        return " ".join(value)


@dataclass(frozen=True, slots=True)
class Fixed(Kind[str]):
    """A value that is always the same, for tools that ask for it."""

    value: str

    @property
    def valid(self) -> str:
        return f"'{self.value}' and nothing else"

    def parse(self, text: str, current: str) -> str:
        if text != self.value:
            raise ValueError(f"argument must be '{self.value}'")
        return text


def read_memory(text: str) -> int:
    """Bytes of a text such as 64mb. Raises ValueError."""
    match = _MEMORY.fullmatch(text)
    if not match:
        raise ValueError("argument must be a memory value")
    return int(match[1]) * _UNITS[(match[2] or "").lower()]


def _bounded(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise ValueError(f"argument must be between {low} and {high} inclusive")
    return value
