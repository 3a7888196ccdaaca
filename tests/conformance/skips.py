"""The checked-in lists of tests that are left out, and why: one file per unit in `skip`.

A file has sections, `[class]`, and in each one entry per line: the name of a test, or `/` and a regular expression that finds it in the name,
as the harness itself has it. Lines that begin with `#` say more about the entries after them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("skip")

CLASSES = {
    "data": "uses strings, lists, sets, hashes, sorted sets, streams or other keys than models",
    "scripting": "uses Lua scripts or functions",
    "replication": "needs a replica, a master or the replication stream",
    "persistence": "is about RDB or AOF files, or about forks that write them",
    "cluster": "needs cluster mode",
    "modules": "loads a module written in C",
    "metadata": "asks COMMAND about commands that do not exist here",
    "settings": "sets an option that does not exist here, or that has one value only",
    "internals": "is about the inside of the redis-server process: its command line, memory allocator, log lines, crash reports, threads",
    "different": "the server does it in another way, on purpose; the entry says how",
}
"""Why a test is left out; the keys are the sections' names."""


@dataclass(frozen=True, slots=True)
class Skip:
    """One entry. `why` is its section."""

    pattern: str
    why: str

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
