"""The latency monitor: what took longer than `latency-monitor-threshold`, by kind of event and second.

Events:

| event | what was slow |
|---|---|
| `command` | a command |
| `fast-command` | a command that should always be fast: the machine or another command held it up |
| `event-loop` | the loop that serves all clients came back late: something kept it busy, or the machine gave the process no time |
| `embedding` | texts waited for their vectors, in the queue and while they were computed |
| `store-commit` | writes waited for the entry store |
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcserver.settings import Settings

__all__ = ["COMMAND", "EMBEDDING", "EVENT_LOOP", "FAST_COMMAND", "STORE_COMMIT", "LatencyMonitor", "Series", "Spike"]

COMMAND = "command"
FAST_COMMAND = "fast-command"
EVENT_LOOP = "event-loop"
EMBEDDING = "embedding"
STORE_COMMIT = "store-commit"

MAX_SPIKES = 160
"""Per event; as Redis: LATENCY_TS_LEN."""


@dataclass(frozen=True, slots=True)
class Spike:
    """The slowest event of one second. `time` is seconds since the epoch."""

    time: int
    milliseconds: int


class Series:
    """The latest spikes of one event, oldest first, and the worst of all time."""

    __slots__ = ("spikes", "worst")

    def __init__(self) -> None:
        self.spikes: deque[Spike] = deque(maxlen=MAX_SPIKES)
        self.worst = 0

    def add(self, spike: Spike) -> None:
        """Keep a spike, unless its second had a worse one."""
        self.worst = max(self.worst, spike.milliseconds)
        if self.spikes and self.spikes[-1].time == spike.time:
            spike = max(self.spikes.pop(), spike, key=lambda one: one.milliseconds)
        self.spikes.append(spike)

    @property
    def milliseconds(self) -> list[int]:
        """Of every spike, oldest first."""
        return [spike.milliseconds for spike in self.spikes]


class LatencyMonitor:
    """Series by event, in the order in which the events were first seen."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self.events: dict[str, Series] = {}

    @property
    def threshold(self) -> int:
        """Milliseconds from which on an event counts as a spike; 0 while nothing is monitored."""
        return self._settings.latency_monitor_threshold

    def note(self, event: str, milliseconds: int, now: int) -> None:
        """Keep an event that was slow. Called often: cheap where it was not. `now` is milliseconds since the epoch."""
        threshold = self._settings.latency_monitor_threshold
        if threshold and milliseconds >= threshold:
            self.events.setdefault(event, Series()).add(Spike(now // 1000, milliseconds))

    def find(self, event: str) -> Series | None:
        """The spikes of an event."""
        return self.events.get(event)

    def reset(self, events: Sequence[str] = ()) -> int:
        """Forget these events, in any case, or all of them; how many there were."""
        wanted = {event.lower() for event in events}
        gone = [event for event in self.events if not events or event in wanted]
        for event in gone:
            del self.events[event]
        return len(gone)
