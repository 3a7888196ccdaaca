"""The events that notifications are sent of (as Redis: notify-keyspace-events)."""

from dataclasses import dataclass

from mcserver.settings.kind import Kind

_ALL = "g$lshzxetd"
"""What A stands for: every class but those of misses (m) and of new keys (n)."""

_WAYS = "KEm"
_KNOWN = frozenset(f"{_ALL}{_WAYS}n")


@dataclass(frozen=True, slots=True)
class KeyspaceEvents(Kind[frozenset[str]]):
    """Letters: classes of events, and the ways they are told, K and E."""

    @property
    def valid(self) -> str:
        return "letters out of Ag$lshzxeKEtmdn"

    def parse(self, text: str, current: frozenset[str]) -> frozenset[str]:
        letters = frozenset(text.replace("A", _ALL))
        if not letters <= _KNOWN:
            raise ValueError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
        return letters

    def format(self, value: frozenset[str]) -> str:
        """In Redis' order. `n` is told beside `A` too, where Redis forgets it: CONFIG REWRITE writes what is told here."""
        classes = "A" if value.issuperset(_ALL) else "".join(letter for letter in _ALL if letter in value)
        return classes + "".join(letter for letter in f"n{_WAYS}" if letter in value)
