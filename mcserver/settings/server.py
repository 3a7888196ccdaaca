"""The settings in force: read as attributes, shown and changed by name."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any

from mcserver.settings.error import SettingError
from mcserver.settings.option import Option, look_up, options
from mcserver.settings.origin import Origin
from mcserver.settings.section import SECTIONS, Embedding, Limits, ModelSettings, Network, Observation, Process, Search, Tls, Users
from storage.glob import Glob

MODEL_TABLE: Mapping[str, Option] = {option.name: option for option in options(ModelSettings)}
"""The settings that a model may have of its own, by name."""

TABLE: Mapping[str, Option] = {option.name: option for section in SECTIONS for option in options(section)}
"""Every setting, by name."""


Stage = Callable[[str], AbstractContextManager[None]]
"""Makes changed settings true, given the name of the first of them. On entering, with the new values in place, it prepares all that can go
wrong, or raises SettingError with the reason; on leaving it takes effect; on leaving with an exception it undoes what it prepared."""


@dataclass(frozen=True, eq=False, repr=False)
class Settings(ModelSettings, Search, Embedding, Observation, Process, Limits, Users, Tls, Network):
    """All settings of a server. Frozen for everyone who reads them: `assign` is the one way to change them."""

    origin: Origin = field(default=Origin(), init=False)
    _subscribers: dict[str, list[Callable[[], None]]] = field(default_factory=dict, init=False)
    _stages: dict[str, list[Stage]] = field(default_factory=dict, init=False)

    def describe(self, patterns: Sequence[str]) -> dict[str, str]:
        """Names that one of the glob patterns matches, with their values as text, as CONFIG GET answers them."""
        return _describe(self, TABLE, patterns)

    def assign(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Change settings by (name, text), all of them or none. Raises SettingError in the words of CONFIG SET, without its code.

        Stages of what is another value now, and of what is volatile, take part. Subscribers are called afterwards, once each.
        """
        rows = _assignable([name for name, _ in pairs])
        texts = [text for _, text in pairs]
        values = {row.name: self._read(row, text) for row, text in zip(rows, texts, strict=True)}
        changed = [row for row in rows if values[row.name] != getattr(self, row.attribute)]
        before = {row.attribute: getattr(self, row.attribute) for row in changed}
        self._store({row.attribute: values[row.name] for row in changed})
        try:
            self._make_true(row.name for row in rows if row in changed or row.volatile)
        except BaseException:
            self._store(before)
            raise
        self.trace(self.origin.without([row.name for row in changed]))
        for callback in dict.fromkeys(callback for row in changed for callback in self._subscribers.get(row.name, ())):
            callback()

    def subscribe(self, name: str, callback: Callable[[], None]) -> None:
        """Have `callback` called after each change of a setting."""
        self._subscribers.setdefault(look_up(TABLE, name).name, []).append(callback)

    def trace(self, origin: Origin) -> None:
        """Note where the settings come from."""
        object.__setattr__(self, "origin", origin)

    def govern(self, names: Iterable[str], stage: Stage) -> None:
        """Have `stage` make changes of these settings true, or refuse them."""
        for name in names:
            self._stages.setdefault(look_up(TABLE, name).name, []).append(stage)

    def model(self, overrides: Mapping[str, str]) -> ModelSettings:
        """What is in force for a model with these settings of its own, given as text.

        Names that are unknown here are passed over: a newer node may have stored them. Raises SettingError for a bad value.
        """
        values = {row.attribute: getattr(self, row.attribute) for row in MODEL_TABLE.values()}
        for name, text in overrides.items():
            if name in MODEL_TABLE:
                values[MODEL_TABLE[name].attribute] = check_model_setting(name, text)
        return ModelSettings(**values)

    def _make_true(self, names: Iterable[str]) -> None:
        """Go through the stages of these settings, each once: all prepare before the first takes effect."""
        first: dict[Stage, str] = {}
        for name in names:
            for stage in self._stages.get(name, ()):
                first.setdefault(stage, name)
        with ExitStack() as prepared:
            for stage, name in first.items():
                try:
                    prepared.enter_context(stage(name))
                except SettingError as error:
                    raise _failed(name, str(error)) from None

    def _store(self, values: Mapping[str, Any]) -> None:
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)

    def _read(self, row: Option, text: str) -> Any:
        try:
            return row.parse(text, getattr(self, row.attribute))
        except ValueError as error:
            raise _failed(row.name, str(error)) from None


def is_secret(name: str) -> bool:
    """Whether the setting of this name, in any case, must not be shown. What is no setting's name may be the misspelt one of a secret."""
    row = TABLE.get(name.lower())
    return row is None or row.secret


def check_model_setting(name: str, text: str) -> Any:
    """The value that `text` gives the per-model setting `name` (in any case). Raises SettingError."""
    row = look_up(MODEL_TABLE, name)
    try:
        return row.parse(text, row.default)
    except ValueError:
        raise SettingError(row.refusal(text)) from None


def describe_model(settings: ModelSettings, patterns: Sequence[str]) -> dict[str, str]:
    """Names of per-model settings that one of the glob patterns matches, with the values in force as text."""
    return _describe(settings, MODEL_TABLE, patterns)


def _describe(settings: object, table: Mapping[str, Option], patterns: Sequence[str]) -> dict[str, str]:
    found: dict[str, tuple[str, Option]] = {}
    for pattern in patterns:
        for name, row in _matching(table, pattern):
            found.setdefault(row.name, (name, row))  # once, by the name that was asked for first
    return {name: row.format(getattr(settings, row.attribute)) for name, row in found.values()}


def _matching(table: Mapping[str, Option], pattern: str) -> Iterator[tuple[str, Option]]:
    """As Redis: a pattern is compared without regard to case, a plain name is answered as it was asked for."""
    lower = pattern.lower()
    if not any(character in pattern for character in "[*?"):
        if lower in table:
            yield pattern, table[lower]
        return
    glob = Glob(lower)
    yield from ((name, row) for name, row in table.items() if glob.matches(name))


def _assignable(names: Sequence[str]) -> list[Option]:
    rows: list[Option] = []
    for name in names:
        row = TABLE.get(name.lower())
        if row is None:
            raise SettingError(f"Unknown option or number of arguments for CONFIG SET - '{name}'")
        if not row.mutable:
            raise _failed(name, "can't set immutable config")
        if row in rows:
            raise _failed(name, "duplicate parameter")
        rows.append(row)
    return rows


def _failed(name: str, reason: str) -> SettingError:
    return SettingError(f"CONFIG SET failed (possibly related to argument '{name}') - {reason}")
