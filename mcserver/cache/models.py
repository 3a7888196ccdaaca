"""The models this node knows, with their settings in force and their counters."""

from collections.abc import Iterator

from mcserver.settings import ModelSettings, Settings
from mcserver.statistics import ModelStatistics
from storage.glob import Glob
from storage.records import Model

__all__ = ["ModelState", "Models"]


class ModelState:
    """A model on this node. `changes` grows with every write, so that a reader can tell that something happened."""

    __slots__ = ("changes", "record", "settings", "statistics")

    def __init__(self, record: Model, settings: ModelSettings) -> None:
        self.record = record
        self.settings = settings
        self.statistics = ModelStatistics()
        self.changes = 0

    @property
    def id(self) -> int:
        """The store's id of the model; a model dropped and made again has another."""
        return self.record.id

    @property
    def name(self) -> str:
        """The name as clients give it."""
        return self.record.name


class Models:
    """Every model by name and by id."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_name: dict[str, ModelState] = {}
        self._by_id: dict[int, ModelState] = {}

    def __iter__(self) -> Iterator[ModelState]:
        return iter(list(self._by_name.values()))

    def __len__(self) -> int:
        return len(self._by_name)

    def find(self, name: str) -> ModelState | None:
        """The model of this name."""
        return self._by_name.get(name)

    def by_id(self, model_id: int) -> ModelState | None:
        """The model of this id."""
        return self._by_id.get(model_id)

    def names(self, pattern: str) -> list[str]:
        """The names that a glob pattern fits, in order."""
        glob = Glob(pattern)
        return sorted(name for name in self._by_name if glob.matches(name))

    def update(self, record: Model) -> ModelState:
        """Take over a model as the store has it, new or changed."""
        settings = self._settings.model(record.settings)
        state = self._by_id.get(record.id)
        if state is None:
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
        if state is not None and self._by_name.get(state.name) is state:
            del self._by_name[state.name]
