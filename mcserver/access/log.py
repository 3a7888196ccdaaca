"""ACL LOG: what was denied lately."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from mcserver.access.denial import Denial
from mcserver.settings import Settings

__all__ = ["AccessLog", "Entry"]

GROUPING_MS = 60_000
"""Events as much alike that are no further apart are one entry, as in Redis."""

GROUPING_DEPTH = 10
"""Entries that are looked at for one alike."""

LONGEST = 1024
"""Characters of a key, channel or name that an entry keeps: who is denied may send very long ones."""


@dataclass(slots=True, eq=False)
class Entry:
    """One or several events alike. Times are milliseconds since the epoch; `client` is the line of CLIENT INFO at the last of them."""

    id: int
    denial: Denial
    context: str
    user: str
    client: str
    created: int
    updated: int
    count: int = 1


class AccessLog:
    """The latest entries, the newest first, at most as many as acllog-max-len says."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._entries: deque[Entry] = deque()
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def add(self, denial: Denial, context: str, *, user: str, client: str, now: int) -> None:
        """Keep an event; `context` is toplevel or multi."""
        denial, user = replace(denial, object=denial.object[:LONGEST]), user[:LONGEST]
        entry = self._alike(denial, context, user, now)
        if entry is None:
            entry = Entry(self._last_id, denial, context, user, client, created=now, updated=now)
            self._last_id += 1
        else:
            self._entries.remove(entry)
            entry.count += 1
            entry.client, entry.updated = client, now
        self._entries.appendleft(entry)
        while len(self._entries) > self._settings.acllog_max_len:
            self._entries.pop()

    def clear(self) -> None:
        """Forget all entries."""
        self._entries.clear()

    def _alike(self, denial: Denial, context: str, user: str, now: int) -> Entry | None:
        for entry in islice(self._entries, GROUPING_DEPTH):
            same = (entry.denial, entry.context, entry.user) == (denial, context, user)
            if same and abs(now - entry.updated) <= GROUPING_MS:
                return entry
        return None
