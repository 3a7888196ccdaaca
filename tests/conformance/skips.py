"""The checked-in lists of tests that are left out, and why: one file per unit in `skip`.

A file has sections, `[class]`, and in each one entry per line: the name of a test, or `/` and a regular expression that is found in the
name, as the harness itself has it. Before it there may be

- `run:`, for a test that is run for what others need of it, and that fails;
- `outside:`, with a regular expression for an error of a command between tests, found in its message.

Lines that begin with `#` say more about the entries after them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

FOLDER = Path(__file__).with_name("skip")

CLASSES = {
    "data": "uses strings, lists, sets, hashes, sorted sets, streams or a command for them: the keys of this server are models",
    "scripting": "uses Lua scripts or functions",
    "metadata": "asks COMMAND, or ACL about a rule, for commands that do not exist here",
    "replication": "needs a replica, a master or the replication stream",
    "persistence": "is about RDB or AOF files, or the processes that write them: here every write is kept as it is made",
    "settings": "sets an option that does not exist here, or that has one value only",
    "selectors": "uses selectors of ACL users",
    "version": "expects what later versions of Redis have changed; the server does as 7.4",
    "internals": "is about the inside of the redis-server process: command line, memory allocator, log lines, crash reports",
    "sequel": "goes on from a test that is left out",
}
"""Why a test is left out; the keys are the sections' names."""


class Kind(StrEnum):
    """What an entry is for."""

    SKIP = "skip"
    RUN = "run"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Skip:
    """One entry. `why` is its section."""

    pattern: str
    why: str
    kind: Kind = Kind.SKIP

    def covers(self, test: str, message: str = "") -> bool:
        """Whether it is for this test, or for this error where `test` is empty."""
        if self.kind is Kind.OUTSIDE:
            return not test and re.search(self.pattern, message) is not None
        if self.pattern.startswith("/"):
            return re.search(self.pattern[1:], test) is not None
        return self.pattern == test


class SkipListError(Exception):
    """A list that cannot be used: file, line, what is wrong."""


def read_skips(unit: str, folder: Path = FOLDER) -> list[Skip]:
    """The entries for a unit as `unit/protocol`; none where it has no file. Raises SkipListError."""
    path = folder / f"{unit.rpartition('/')[2]}.txt"
    if not path.exists():
        return []
    return list(_parse(path.name, path.read_text(encoding="utf-8").splitlines()))


def _parse(name: str, lines: Iterable[str]) -> Iterator[Skip]:
    why = ""
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        section = re.fullmatch(r"\[(.*)\]", line)
        if section:
            why = section[1]
            if why not in CLASSES:
                raise SkipListError(f"{name} line {number}: unknown class '{why}', expected one of {', '.join(CLASSES)}")
        elif not why:
            raise SkipListError(f"{name} line {number}: a test before the first [class]")
        else:
            yield _entry(line, why)


def _entry(line: str, why: str) -> Skip:
    word, colon, rest = line.partition(": ")
    if colon and word in {Kind.RUN, Kind.OUTSIDE}:
        return Skip(rest, why, Kind(word))
    return Skip(line, why)
