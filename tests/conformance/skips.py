"""The checked-in lists of tests that are left out, and why: one file per unit in `skip`.

A file has sections, `[class]`, and in each one entry per line: the name of a test, or `/` and a regular expression that finds it in the name,
as the harness itself has it. `outside: ` and a regular expression is for an error of a command between tests, by its message. Lines that
begin with `#` say more about the entries after them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("skip")

OUTSIDE = "outside: "

CLASSES = {
    "data": "uses strings, lists, sets, hashes, sorted sets, streams or a command for them: the keys of this server are models",
    "scripting": "uses Lua scripts or functions",
    "replication": "needs a replica, a master or the replication stream",
    "persistence": "is about RDB or AOF files, or the processes that write them: here every write is kept as it is made",
    "settings": "sets an option that does not exist here, or that has one value only",
    "selectors": "uses selectors of ACL users",
    "version": "expects a text that later versions of Redis have changed; the server has the one of 7.4",
    "internals": "is about the inside of the redis-server process: command line, memory allocator, log lines, crash reports",
}
"""Why a test is left out; the keys are the sections' names."""


@dataclass(frozen=True, slots=True)
class Skip:
    """One entry. `why` is its section."""

    pattern: str
    why: str

    def excuses(self, message: str) -> bool:
        """Whether this error between tests may be."""
        return self.pattern.startswith(OUTSIDE) and re.search(self.pattern.removeprefix(OUTSIDE), message) is not None

    def covers(self, test: str) -> bool:
        """Whether the harness leaves this test out for this entry."""
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
            yield Skip(line, why)
