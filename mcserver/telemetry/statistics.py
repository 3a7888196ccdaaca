"""What the server counts. Plain integers, changed on the event loop only."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

__all__ = ["CommandStatistics", "Latency", "ModelStatistics", "ServerStatistics"]

_SUB_BUCKETS = 8
"""Buckets per doubling: a percentile is at most an eighth too high."""

_BUCKETS = 32 * _SUB_BUCKETS

_HIGHEST = 34
"""The power of two that the last bucket reaches to: as microseconds almost five hours."""


class Latency:
    """A histogram of microseconds in fixed memory, with log-linear buckets as HDR histograms have."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * _BUCKETS
        self.total = 0

    def record(self, microseconds: int, times: int = 1) -> None:
        """Count an event that took this long."""
        self.counts[_bucket(microseconds)] += times
        self.total += times

    def add(self, other: "Latency") -> None:
        """Count here what was counted there."""
        self.counts = [own + its for own, its in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    def percentiles(self, shares: Sequence[float]) -> list[int]:
        """Microseconds under which these shares of the events (0 to 1, in any order) stayed; zeros where nothing was recorded."""
        if not self.total:
            return [0] * len(shares)
        seen = list(accumulate(self.counts))
        return [_upper_bound(bisect_left(seen, max(1, share * self.total))) for share in shares]

    def doublings(self) -> dict[int, int]:
        """How many events took less than 1, 2, 4, 8, ... microseconds; bounds that add none are left out."""
        steps = [sum(self.counts[low:high]) for low, high in pairwise([0, *_DOUBLINGS.values()])]
        reached = accumulate(steps)
        return {bound: count for bound, step, count in zip(_DOUBLINGS, steps, reached, strict=True) if step}


def _bucket(microseconds: int) -> int:
    if microseconds < _SUB_BUCKETS:
        return max(microseconds, 0)
    shift = microseconds.bit_length() - _SUB_BUCKETS.bit_length()
    return min((shift + 1) * _SUB_BUCKETS + (microseconds >> shift) - _SUB_BUCKETS, _BUCKETS - 1)


def _upper_bound(bucket: int) -> int:
    if bucket < _SUB_BUCKETS:
        return bucket
    shift, step = divmod(bucket, _SUB_BUCKETS)
    return ((_SUB_BUCKETS + step + 1) << (shift - 1)) - 1


_DOUBLINGS = {1 << power: _bucket((1 << power) - 1) + 1 for power in range(_HIGHEST + 1)}
"""Powers of two, with the number of buckets below each. The last one has all that is longer, too."""


@dataclass(slots=True)
class ModelStatistics:
    """Of one model, since the start or CONFIG RESETSTAT. `misses` counts by the verdict's reason.

    log_dropped: lookups that should be in the query log and are not.
    """

    exact: int = 0
    semantic: int = 0
    sets: int = 0
    misses: Counter[str] = field(default_factory=Counter)
    tokens_saved: int = 0
    cost_saved: float = 0.0
    log_dropped: int = 0
    latency: Latency = field(default_factory=Latency)

    def add(self, other: "ModelStatistics") -> None:
        """Count here what was counted there."""
        self.exact += other.exact
        self.semantic += other.semantic
        self.sets += other.sets
        self.misses.update(other.misses)
        self.tokens_saved += other.tokens_saved
        self.cost_saved += other.cost_saved
        self.log_dropped += other.log_dropped
        self.latency.add(other.latency)

    def reset(self) -> None:
        """Back to zero, in place: answers in memory point here."""
        fresh = ModelStatistics()
        for name in self.__slots__:
            setattr(self, name, getattr(fresh, name))


@dataclass(slots=True)
class CommandStatistics:
    """Of one command: as INFO commandstats has them. `tracked` says whether the time of single calls is kept (latency-tracking)."""

    tracked: bool = True
    calls: int = 0
    microseconds: int = 0
    rejected: int = 0
    failed: int = 0
    latency: Latency = field(default_factory=Latency)

    def record(self, microseconds: int, calls: int = 1) -> None:
        """Count calls that took this long together."""
        self.calls += calls
        self.microseconds += microseconds
        if self.tracked:
            self.latency.record(microseconds // calls, calls)


@dataclass(frozen=True, slots=True)
class Sample:
    """The counters that rates are made from, at a time in seconds."""

    time: float
    commands: int
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Per second."""

    commands: float = 0.0
    bytes_in: float = 0.0
    bytes_out: float = 0.0


@dataclass(slots=True)
class ServerStatistics:
    """Of the whole server. `denials` counts what users might not do by its reason: auth, command, key, channel."""

    connections_received: int = 0
    connections_rejected: int = 0
    commands_processed: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    reads: int = 0
    writes: int = 0
    expired: int = 0
    touches_dropped: int = 0
    output_limit_disconnections: int = 0
    evicted_clients: int = 0
    query_limit_disconnections: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    denials: Counter[str] = field(default_factory=Counter)
    commands: dict[str, CommandStatistics] = field(default_factory=dict)
    rates: Rates = Rates()
    sampled: Sample | None = None
    tracked: bool = True

    def track(self, tracked: bool) -> None:
        """Keep the times of single calls from now on, or no longer (latency-tracking); what was kept stays."""
        self.tracked = tracked
        for counters in self.commands.values():
            counters.tracked = tracked

    def reset(self) -> None:
        """CONFIG RESETSTAT."""
        fresh = ServerStatistics(tracked=self.tracked)
        for name in self.__slots__:
            setattr(self, name, getattr(fresh, name))

    def command(self, name: str) -> CommandStatistics:
        """The counters of a command by its full name."""
        counters = self.commands.get(name)
        if counters is None:
            counters = self.commands[name] = CommandStatistics(self.tracked)
        return counters

    def sample(self, time: float) -> None:
        """Set the rates: what happened since the call before this one. `time` in seconds, of a clock that only goes forward."""
        now, before = Sample(time, self.commands_processed, self.bytes_in, self.bytes_out), self.sampled
        self.sampled = now
        if before is not None and now.time > before.time:
            seconds = now.time - before.time
            self.rates = Rates(
                commands=(now.commands - before.commands) / seconds,
                bytes_in=(now.bytes_in - before.bytes_in) / seconds,
                bytes_out=(now.bytes_out - before.bytes_out) / seconds,
            )
