"""What has changed, for those who want to be told: notifications, and clients that keep answers of their own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from mcserver.cache.models import Models
from storage.records import (
    Configure,
    CreateModel,
    Delete,
    DeleteExact,
    DropModel,
    Expire,
    Log,
    Outcome,
    PruneLog,
    Put,
    Touch,
    Truncate,
    Write,
)

__all__ = ["FLUSH", "Change", "Changes", "Event", "Listener"]


class Event(Enum):
    """What can happen to a model."""

    CREATED = auto()
    SET = auto()
    TIMED = auto()
    """An entry was told when to expire."""
    PERSISTED = auto()
    """An entry was told not to."""
    REMOVED = auto()
    """Entries were."""
    EXPIRED = auto()
    """Entries were removed because their time was over."""
    TRUNCATED = auto()
    CONFIGURED = auto()
    DROPPED = auto()
    FLUSHED = auto()
    """Whatever is known of any model may be wrong: FLUSHALL, or a setting of all models."""


@dataclass(frozen=True, slots=True)
class Change:
    """An event and the model's name; FLUSHED has none."""

    event: Event
    model: str = ""


Listener = Callable[[Sequence[Change]], None]
"""Called with the changes of one unit of writes, each once and in their order, when they are in effect and last."""

FLUSH = Change(Event.FLUSHED)
"""Everything."""


class Changes:
    """Tells of changes. Where nobody listens a write costs one look at an empty list."""

    def __init__(self, models: Models) -> None:
        self.listeners: list[Listener] = []
        self._models = models
        self._held: list[Sequence[Change]] = []

    def of(self, write: Write, outcome: Outcome) -> list[Change]:
        """What a write has changed; to be asked while the registry still knows its model."""
        if not self.listeners:
            return []
        match write:
            case Touch() | Log() | PruneLog():
                return []
            case CreateModel():
                return [Change(Event.CREATED, write.name)] if outcome.count else []
        state = self._models.by_id(write.model_id)
        return [] if state is None else [Change(event, state.name) for event in _events(write, outcome)]

    def tell(self, changes: Sequence[Change]) -> None:
        """Tell of the changes of one unit."""
        if changes:
            for listener in tuple(self.listeners):
                listener(list(dict.fromkeys(changes)))

    def hold(self, changes: Sequence[Change]) -> None:
        """Keep the changes of a unit until its transaction is committed."""
        self._held.append(changes)

    def release(self) -> None:
        """It is now."""
        held, self._held = self._held, []
        for changes in held:
            self.tell(changes)

    def drop(self) -> None:
        """It never will be."""
        self._held.clear()


def _events(write: Write, outcome: Outcome) -> Iterator[Event]:
    match write:
        case Put() if outcome.id is not None:
            if outcome.removed:  # what it took the place of had expired
                yield Event.EXPIRED
            yield Event.SET
        case Delete() | DeleteExact() if outcome.removed:
            yield Event.EXPIRED if isinstance(write, Delete) and write.only_expired else Event.REMOVED
        case Truncate() if outcome.cleared or outcome.removed:
            yield Event.TRUNCATED
        case Expire() if outcome.id is not None:
            yield Event.TIMED if write.expires else Event.PERSISTED
        case Configure() if outcome.model is not None:
            yield Event.CONFIGURED
        case DropModel() if outcome.id is not None:
            yield Event.DROPPED
