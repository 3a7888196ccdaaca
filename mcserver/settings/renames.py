"""Other names for commands (as Redis: rename-command)."""

import shlex
from dataclasses import dataclass

from mcserver.settings.kind import Kind, Plain

_WORDS = 2
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Renames(Kind[Pairs]):
    """Pairs of an old and a new name. Given several times, also in several places, they are taken together, as in Redis."""

    separator = ", "
    accumulates = True

    @property
    def valid(self) -> str:
        return "'OLD NEW' with the names of commands, or 'OLD' alone; several with commas between them, in a file as an array"

    def parse(self, text: str, current: Pairs) -> Pairs:
        return (*current, *(_pair(one) for one in text.split(self.separator.strip()) if one.strip()))

    def format(self, value: Pairs) -> str:
        return self.separator.join(_written(pair) for pair in value)

    def plain(self, value: Pairs) -> Plain:
        return [_written(pair) for pair in value]


def _written(pair: tuple[str, str]) -> str:
    return shlex.join(name for name in pair if name)


def _pair(text: str) -> tuple[str, str]:
    words = shlex.split(text)
    if not 1 <= len(words) <= _WORDS or not words[0]:
        raise ValueError("argument must be an old and a new name")
    return words[0], words[1] if len(words) == _WORDS else ""
