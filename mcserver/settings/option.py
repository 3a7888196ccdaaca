"""One row of the settings table, kept as the metadata of a dataclass field: name, type and default are said once."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from mcserver.settings.error import SettingError
from mcserver.settings.kind import Kind

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Option:
    """A setting. `name` is kebab-case, `attribute` the same in Python's form.

    mutable: CONFIG SET may change it while the server runs.
    secret: never shown in an error; `name-file` reads it from a file.
    volatile: what the value names may change while the value stays, so that setting it again has it looked at again.
    """

    name: str
    attribute: str
    kind: Kind[Any]
    default: Any
    help: str
    mutable: bool
    secret: bool
    volatile: bool

    def parse(self, text: str, current: Any) -> Any:
        """The value of `text`. Raises ValueError in the words of CONFIG SET."""
        return self.kind.parse(text, current)

    def format(self, value: Any) -> str:
        """The text of a value."""
        return self.kind.format(value)

    def refusal(self, text: object) -> str:
        """What start-up says about a value that cannot be taken: what was given, what is valid."""
        given = "a value that cannot be shown" if self.secret else repr(str(text))
        return f"{self.name} got {given}, expected {self.kind.valid}"


def option(kind: Kind[T], default: T, *, help: str, mutable: bool = True, secret: bool = False, volatile: bool = False) -> T:
    """A dataclass field that is a setting."""
    row = {"kind": kind, "help": help, "mutable": mutable, "secret": secret, "volatile": volatile}
    return field(default=default, metadata=row)


def options(section: type) -> list[Option]:
    """The settings declared by a dataclass itself, in order."""
    rows = [row for row in fields(section) if "kind" in row.metadata and row.name in section.__annotations__]
    return [Option(row.name.replace("_", "-"), row.name, default=row.default, **row.metadata) for row in rows]


def look_up(table: Mapping[str, Option], name: str) -> Option:
    """The option of this name, in any case. Raises SettingError that suggests the nearest name."""
    found = table.get(name.lower())
    if found is None:
        raise SettingError(f"unknown setting '{name}'{nearest(name, table)}")
    return found


def nearest(name: str, known: Iterable[str]) -> str:
    """', did you mean ...?' for a misspelt name; empty where nothing is near."""
    near = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f", did you mean '{near[0]}'?" if near else ""
