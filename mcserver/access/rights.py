"""Which commands a user may run."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from protocol.text import decode

if TYPE_CHECKING:
    from mcserver.table import Command, Table

__all__ = ["CommandRights"]


class CommandRights:
    """The commands of a user, by full name. Like Redis, what is kept is the outcome of the rules, not the rules.

    later: whether the last that was said of all commands was that they are allowed, so that ACL LIST begins with `+@all`.
    description: the rules that give these rights, where somebody has found them since the last change.
    """

    __slots__ = ("_first_arguments", "_names", "description", "later", "table")

    def __init__(self, table: "Table") -> None:
        self.table = table
        self.later = False
        self.description: str | None = None
        self._names: frozenset[str] = frozenset()
        self._first_arguments: dict[str, list[str]] = {}

    @property
    def complete(self) -> bool:
        """Whether nothing is left out."""
        return all(command.name in self._names for command in self.table.everything())

    def allow_everything(self) -> None:
        """All commands."""
        self._set(command.name for command in self.table.everything())
        self.later = True

    def forbid_everything(self) -> None:
        """No command."""
        self._set(())
        self.later = False

    def change(self, command: "Command", *, allow: bool) -> None:
        """Allow or forbid a command; a container with all its subcommands."""
        self._change([command], allow=allow)

    def change_category(self, category: str, *, allow: bool) -> None:
        """Allow or forbid the commands of a category."""
        self._change([command for command in self.table.everything() if category in command.categories], allow=allow)

    def allow_first_argument(self, command: "Command", argument: str) -> None:
        """Allow a forbidden command where this is its first argument, in any letter case: the form `+select|0`."""
        self.description = None
        known = self._first_arguments.setdefault(command.name, [])
        if argument.lower() not in (one.lower() for one in known):
            known.append(argument)

    def allow(self, command: "Command", words: Sequence[bytes]) -> bool:
        """Whether a request of these words may be run."""
        if command.name in self._names:
            return True
        first = self._first_arguments.get(command.name)
        return first is not None and len(words) > 1 and decode(words[1]).lower() in (one.lower() for one in first)

    def holds(self, command: "Command") -> bool:
        """Whether the command may be run with any arguments."""
        return command.name in self._names

    def first_arguments(self, command: "Command") -> Iterable[str]:
        """With which first arguments alone the command may be run."""
        return () if self.holds(command) else self._first_arguments.get(command.name, ())

    def copy(self) -> "CommandRights":
        """The same, to be changed apart."""
        twin = CommandRights(self.table)
        twin.later, twin.description = self.later, self.description
        twin._names = self._names
        twin._first_arguments = {name: list(arguments) for name, arguments in self._first_arguments.items()}
        return twin

    def _set(self, names: Iterable[str]) -> None:
        self.description = None
        self._names = frozenset(names)
        self._first_arguments.clear()

    def _change(self, commands: Sequence["Command"], *, allow: bool) -> None:
        self.description = None
        names = {name for command in commands for name in (command.name, *(sub.name for sub in command.subcommands.values()))}
        self._names = self._names | names if allow else self._names - names
        for command in commands:
            self._first_arguments.pop(command.name, None)
