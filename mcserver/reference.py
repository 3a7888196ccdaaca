"""docs/commands.md, made from the command table: `python -m mcserver.reference` writes it into the repository that is the current folder."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from mcserver.commands import FAMILIES
from mcserver.table import Command, Table

__all__ = ["GENERATED", "reference_page"]

_HEAD = """\
# Commands

<!-- Made from the command table by `python -m mcserver.reference`; change it where the command is declared, in mcserver/commands. -->

`COMMAND DOCS` says the same to a client, so that redis-cli shows it while you type; `MC.HELP`, `CLIENT HELP` and so on print it.
In the usage lines `[...]` is optional, `|` separates alternatives, `...` may be repeated. Keywords may be in any letter case.

Flags are those of Redis: *write* and *readonly* commands change or read entries, *denyoom* ones may need memory, *fast* ones take the same
short time always, *admin* ones are for operators, *loading* ones are answered while the server starts, *no_auth* ones before AUTH,
*no_multi* ones not inside MULTI.
"""

_TITLES = {
    "semantic": "The semantic cache",
    "generic": "The key space",
    "connection": "Connection",
    "transactions": "Transactions",
    "server": "Server",
}
_SHOWN = ("write", "readonly", "denyoom", "admin", "fast", "loading", "no_auth", "no_multi")


def reference_page() -> str:
    """docs/commands.md."""
    table = Table(FAMILIES)
    parts = [_HEAD]
    for group, title in _TITLES.items():
        parts.append(f"\n## {title}\n\n| Command | What it does | Complexity | Flags |\n|---|---|---|---|\n")
        parts.extend(_row(command) for command in _listed(table) if command.group == group)
    return "".join(parts)


GENERATED = {"docs/commands.md": reference_page}
"""Files of the repository that are made here, by their path in it."""


def _listed(table: Iterable[Command]) -> Iterator[Command]:
    """Every command that can be called, subcommands in place of their container."""
    for command in table:
        if command.fits(1) or not command.subcommands:
            yield command
        yield from command.subcommands.values()


def _row(command: Command) -> str:
    usage = f"{command.name.upper().replace('|', ' ')} {command.usage}".rstrip().replace("|", r"\|")
    flags = ", ".join(flag for flag in _SHOWN if flag in command.flags)
    return f"| `{usage}` | {command.summary} | {command.complexity} | {flags} |\n"


if __name__ == "__main__":
    for path, text in GENERATED.items():
        Path(path).write_text(text(), encoding="utf-8")
