"""Which keys, and which channels, a user may reach: by glob patterns."""

from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from storage.glob import Glob

__all__ = ["ChannelPatterns", "KeyPatterns"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeyPattern:
    """A pattern on keys with what is allowed under it."""

    glob: Glob
    read: bool
    write: bool

    def allows(self, *, read: bool, write: bool) -> bool:
        """Whether all that is asked for is allowed."""
        return (self.read or not read) and (self.write or not write)


class _Patterns(Generic[T]):
    """What a user may use of one kind: everything, or what fits a pattern, in the order in which the patterns were given."""

    __slots__ = ("_patterns", "everything")

    def __init__(self, *, everything: bool = False) -> None:
        self.everything = everything
        self._patterns: dict[str, T] = {}

    def allow_everything(self) -> None:
        """All of it."""
        self.everything = True
        self._patterns.clear()

    def clear(self) -> None:
        """Nothing."""
        self.everything = False
        self._patterns.clear()

    def copy(self) -> Self:
        """The same, to be changed apart."""
        twin = type(self)(everything=self.everything)
        twin._patterns = dict(self._patterns)
        return twin


class KeyPatterns(_Patterns[KeyPattern]):
    """The keys of a user."""

    __slots__ = ()

    def add(self, pattern: str, *, read: bool, write: bool) -> None:
        """Keys that fit the pattern too. Given again, it allows what either of the two did."""
        known = self._patterns.get(pattern)
        if known is not None:
            read, write = read or known.read, write or known.write
        self._patterns[pattern] = KeyPattern(Glob(pattern), read, write)

    def allow(self, key: str, *, read: bool, write: bool) -> bool:
        """Whether the key may be used so. One pattern must allow all that is asked for, as in Redis."""
        if self.everything:
            return True
        return any(one.allows(read=read, write=write) and one.glob.matches(key) for one in self._patterns.values())

    def allow_all(self, *, read: bool, write: bool) -> bool:
        """Whether every key there may ever be may be used so."""
        star = self._patterns.get("*")
        return self.everything or (star is not None and star.allows(read=read, write=write))

    def words(self) -> list[str]:
        """The rules that give these patterns."""
        if self.everything:
            return ["~*"]
        return [_rule(pattern, one) for pattern, one in self._patterns.items()]


class ChannelPatterns(_Patterns[Glob]):
    """The channels of a user."""

    __slots__ = ()

    def add(self, pattern: str) -> None:
        """Channels that fit the pattern too."""
        self._patterns.setdefault(pattern, Glob(pattern))

    def allow(self, channel: str) -> bool:
        """Whether the channel may be used."""
        return self.everything or any(glob.matches(channel) for glob in self._patterns.values())

    def allow_pattern(self, pattern: str) -> bool:
        """Whether PSUBSCRIBE may use the pattern: only one that was itself given, to the letter, as in Redis."""
        return self.everything or pattern in self._patterns

    def cover(self, other: "ChannelPatterns") -> bool:
        """Whether every pattern of the other is here too."""
        return self.everything or (not other.everything and other._patterns.keys() <= self._patterns.keys())

    def words(self) -> list[str]:
        """The rules that give these patterns."""
        return ["&*"] if self.everything else [f"&{pattern}" for pattern in self._patterns]


def _rule(pattern: str, allowed: KeyPattern) -> str:
    if allowed.read and allowed.write:
        return f"~{pattern}" if pattern != "*" else "%RW~*"  # `~*` would be all keys, and could not be followed by another pattern
    return f"{'%R' if allowed.read else '%W'}~{pattern}"
