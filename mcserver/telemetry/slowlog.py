"""The slow log: the last commands that took longer than `slowlog-log-slower-than`."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from mcserver.telemetry.redaction import shorten, shown

if TYPE_CHECKING:
    from mcserver.context import Client
    from mcserver.settings import Settings
    from mcserver.table import Command

__all__ = ["SlowCommand", "Slowlog"]

MAX_WORDS = 32
"""As Redis: SLOWLOG_ENTRY_MAX_ARGC."""

MAX_WORD = 128
"""Bytes; as Redis: SLOWLOG_ENTRY_MAX_STRING."""


@dataclass(frozen=True, slots=True)
class SlowCommand:
    """One entry. `time` is when the command ended, in seconds since the epoch; `words` are shortened and without secrets."""

    id: int
    time: int
    microseconds: int
    words: tuple[bytes, ...]
    address: str
    name: str


class Slowlog:
    """A bounded log in memory, newest entry first."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._entries: deque[SlowCommand] = deque()
        self._next_id = 0
        settings.subscribe("slowlog-max-len", self._trim)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[SlowCommand]:
        return iter(self._entries)

    def latest(self, count: int) -> list[SlowCommand]:
        """At most so many entries, the newest first."""
        return list(islice(self._entries, count))

    def note(self, client: "Client", command: "Command", words: Sequence[bytes], microseconds: int, now: int) -> None:
        """Keep a command that has ended, where it was slow. Called after every command: cheap where it was not.

        `now` is milliseconds since the epoch.
        """
        least = self._settings.slowlog_log_slower_than
        if microseconds < least or least < 0 or "skip_slowlog" in command.flags:
            return
        visible = tuple(_shorten(shown(command, words)))
        self._entries.appendleft(SlowCommand(self._next_id, now // 1000, microseconds, visible, client.address, client.name))
        self._next_id += 1
        self._trim()

    def reset(self) -> None:
        """Forget all entries; ids go on."""
        self._entries.clear()

    def _trim(self) -> None:
        while len(self._entries) > self._settings.slowlog_max_len:
            self._entries.pop()


def _shorten(words: Sequence[bytes]) -> Iterator[bytes]:
    kept = words if len(words) <= MAX_WORDS else words[: MAX_WORDS - 1]
    yield from (shorten(word, MAX_WORD) for word in kept)
    if len(kept) < len(words):
        yield b"... (%d more arguments)" % (len(words) - len(kept))
