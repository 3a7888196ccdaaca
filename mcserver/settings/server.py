"""The settings in force: read as attributes, shown and changed by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from mcserver.settings.error import SettingError
from mcserver.settings.option import Option, look_up, options
from mcserver.settings.section import SECTIONS, Embedding, Limits, ModelSettings, Network, Process, Search

MODEL_TABLE: Mapping[str, Option] = {option.name: option for option in options(ModelSettings)}
"""The settings that a model may have of its own, by name."""

TABLE: Mapping[str, Option] = {option.name: option for section in SECTIONS for option in options(section)}
"""Every setting, by name."""


@dataclass(frozen=True, eq=False, repr=False)
class Settings(ModelSettings, Search, Embedding, Process, Limits, Network):
    """All settings of a server. Frozen for everyone who reads them: `assign` is the one way to change them."""

    _subscribers: dict[str, list[Callable[[], None]]] = field(default_factory=dict, init=False)

    def describe(self, patterns: Sequence[str]) -> dict[str, str]:
        """Names that one of the glob patterns matches, with their values as text, as CONFIG GET answers them."""
        return _describe(self, TABLE, patterns)

    def assign(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Change settings by (name, text), all of them or none. Raises SettingError in the words of CONFIG SET, without its code.

        Subscribers of what is another value now are called afterwards, once each.
        """
        rows = _assignable([name for name, _ in pairs])
        texts = [text for _, text in pairs]
        values = {row.name: self._read(row, text) for row, text in zip(rows, texts, strict=True)}
        changed = [row for row in rows if values[row.name] != getattr(self, row.attribute)]
        for row in changed:
            object.__setattr__(self, row.attribute, values[row.name])
        for callback in dict.fromkeys(callback for row in changed for callback in self._subscribers.get(row.name, ())):
            callback()

    def subscribe(self, name: str, callback: Callable[[], None]) -> None:
        """Have `callback` called after each change of a setting."""
        self._subscribers.setdefault(look_up(TABLE, name).name, []).append(callback)

    def model(self, overrides: Mapping[str, str]) -> ModelSettings:
        """What is in force for a model with these settings of its own, given as text.

        Names that are unknown here are passed over: a newer node may have stored them. Raises SettingError for a bad value.
        """
        values = {row.attribute: getattr(self, row.attribute) for row in MODEL_TABLE.values()}
        for name, text in overrides.items():
            if name in MODEL_TABLE:
                values[MODEL_TABLE[name].attribute] = check_model_setting(name, text)
        return ModelSettings(**values)

    def _read(self, row: Option, text: str) -> Any:
        try:
            return row.parse(text, getattr(self, row.attribute))
        except ValueError as error:
            raise _failed(row.name, str(error)) from None


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
    wanted = [pattern.lower().replace("[^", "[!") for pattern in patterns]
    rows = [row for row in table.values() if any(fnmatchcase(row.name, pattern) for pattern in wanted)]
    return {row.name: row.format(getattr(settings, row.attribute)) for row in rows}


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
