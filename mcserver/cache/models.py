"""The models this node knows, with their settings in force and their counters."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from mcserver.settings import ModelSettings, Settings
from mcserver.telemetry.statistics import ModelStatistics
from protocol.text import decode
from storage.glob import Glob
from storage.records import Model

if TYPE_CHECKING:
    from mcserver.access import User

__all__ = ["TYPE_NAME", "ModelState", "Models", "name_of"]

TYPE_NAME = "modelcache"
"""What TYPE says of a model."""

_PLACE_BITS = 48
"""So that a cursor is exact in a double, too: some clients read it as one."""


class ModelState:
    """A model on this node. `changes` grows with every write, so that a reader can tell that something happened.

    last_used: when its answers were last looked up or changed, in milliseconds since the epoch; see SemanticCache.last_used.
    """

    __slots__ = ("changes", "last_used", "record", "settings", "statistics")

    def __init__(self, record: Model, settings: ModelSettings) -> None:
        self.record = record
        self.settings = settings
        self.statistics = ModelStatistics()
        self.changes = 0
        self.last_used = record.created

    @property
    def id(self) -> int:
        """The store's id of the model; a model dropped and made again has another."""
        return self.record.id

    @property
    def name(self) -> str:
        """The name as clients give it."""
        return self.record.name


def name_of(key: bytes) -> str:
    """A key of Redis as the name of a model. Bytes that are no UTF-8 become text that no model is called."""
    return decode(key)


class Models:
    """Every model by name and by id, and by its place: a keyed hash of the name, fixed while the server runs.

    In the order of places a walk meets every model that is there all the time, whatever comes and goes, and a place says nothing about
    how many other models there are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_name: dict[str, ModelState] = {}
        self._by_id: dict[int, ModelState] = {}
        self._places: list[tuple[int, str]] = []
        self._gone = ModelStatistics()

    def __iter__(self) -> Iterator[ModelState]:
        return iter(list(self._by_name.values()))

    def __len__(self) -> int:
        return len(self._by_name)

    def find(self, name: str) -> ModelState | None:
        """The model of this name."""
        return self._by_name.get(name)

    def state_of(self, name: str) -> object:
        """Something that is equal as long as nothing about the model of this name has changed; it need not exist."""
        state = self._by_name.get(name)
        return None if state is None else (state.id, state.record, state.changes)

    def use(self, name: str, now: int) -> ModelState | None:
        """The model of this name, counted as used at `now`."""
        state = self._by_name.get(name)
        if state is not None:
            state.last_used = now
        return state

    def by_id(self, model_id: int) -> ModelState | None:
        """The model of this id."""
        return self._by_id.get(model_id)

    def statistics(self) -> list[ModelStatistics]:
        """The counters of every model, and last those of all that is none: models that were dropped, and names that none ever had."""
        return [*(state.statistics for state in self), self._gone]

    def miss(self, lookups: int) -> None:
        """Count lookups in a model that does not exist."""
        self._gone.misses["empty"] += lookups

    def seen(self, user: "User") -> Collection[ModelState]:
        """The models that a user may know of, to be used at once."""
        return self._by_name.values() if user.sees_all else [state for name, state in self._by_name.items() if user.sees(name)]

    def statistics_seen(self, user: "User") -> list[ModelStatistics]:
        """The counters that a user may know of: of what is no model only where it sees all that are."""
        return self.statistics() if user.sees_all else [state.statistics for state in self.seen(user)]

    def names(self, pattern: str, *, user: "User") -> list[str]:
        """The names that a glob pattern fits, of those that a user may know of."""
        return _fitting(pattern, [state.name for state in self.seen(user)])

    def page(self, after: int, *, count: int, pattern: str, user: "User") -> tuple[int, list[str]]:
        """A step of a walk through what a user may know of: the place to go on after, 0 at the end, and names.

        `count` names are looked at (more only where some share a place), and those given that the glob pattern fits.
        """
        page: list[tuple[int, str]] = []
        for position in range(bisect_right(self._places, after, key=_first), len(self._places)):
            place, name = self._places[position]
            if not (user.sees_all or user.sees(name)):
                continue
            if len(page) >= count and place != page[-1][0]:
                return page[-1][0], _fitting(pattern, [name for _, name in page])
            page.append((place, name))
        return 0, _fitting(pattern, [name for _, name in page])

    def update(self, record: Model) -> ModelState:
        """Take over a model as the store has it, new or changed."""
        settings = self._settings.model(record.settings)
        state = self._by_id.get(record.id)
        if state is None:
            if record.name not in self._by_name:
                insort(self._places, (_place(record.name), record.name))
            state = self._by_name[record.name] = self._by_id[record.id] = ModelState(record, settings)
        else:
            state.record, state.settings = record, settings
        return state

    def refresh(self) -> None:
        """Take over changed server-wide defaults."""
        for state in self:
            state.settings = self._settings.model(state.record.settings)

    def forget(self, model_id: int) -> None:
        """Drop a model."""
        state = self._by_id.pop(model_id, None)
        if state is not None:
            self._gone.add(state.statistics)
        if state is not None and self._by_name.get(state.name) is state:
            del self._by_name[state.name]
            del self._places[bisect_left(self._places, (_place(state.name), state.name))]


def _place(name: str) -> int:
    """Where a walk meets the name; never 0, which is before all of them. Python's hash of text is SipHash with a key of this process."""
    return hash(name) % (1 << _PLACE_BITS) or 1


def _fitting(pattern: str, names: list[str]) -> list[str]:
    if pattern == "*":
        return names
    glob = Glob(pattern)
    return [name for name in names if glob.matches(name)]


def _first(entry: tuple[int, str]) -> int:
    return entry[0]
