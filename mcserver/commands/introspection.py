"""COMMAND: the command table as clients read it, made from the usage lines."""

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase

from mcserver.context import Call
from mcserver.table import CATEGORIES, Command, Family
from mcserver.usage import Argument
from protocol.errors import SYNTAX_ERROR, CommandError
from protocol.reply import Members, Status

__all__ = ["family"]

family = Family("server")

_FLAGS = tuple(
    "write readonly denyoom admin pubsub noscript blocking loading stale skip_monitor skip_slowlog fast no_auth "
    "no_async_loading no_multi".split()
)
"""In the order in which Redis lists them."""

_MODULE_PREFIX = "mc."


def show_commands(call: Call) -> object:
    """Reply: an array that describes every command."""
    return [_describe(command) for command in call.context.commands]


family.container("COMMAND", summary="Describes all commands.", run=show_commands, flags="loading stale", categories="connection")


@family.command("COMMAND|COUNT", "", summary="Returns the number of commands.", flags="loading stale", categories="connection")
def count(call: Call) -> object:
    """Reply: an integer; subcommands do not count."""
    return len(call.context.commands)


@family.command(
    "COMMAND|LIST",
    "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
    summary="Lists the names of commands.",
    complexity="O(N) with N commands",
    flags="loading stale",
    categories="connection",
)
def list_names(call: Call) -> object:
    """Reply: an array of names; with a filter those of subcommands too."""
    commands = call.context.commands
    if len(call.words) == 2:  # noqa: PLR2004 - nothing but the name
        return [command.name for command in commands]
    match [word.lower() for word in call.words[2:]]:
        case [b"filterby", kind, value] if kind in _FILTERS:
            fits = _FILTERS[kind]
            return [command.name for command in _everything(commands) if fits(command, value.decode("utf-8", "replace"))]
    raise CommandError(SYNTAX_ERROR)


@family.command(
    "COMMAND|INFO",
    "[command-name [command-name ...]]",
    summary="Describes commands: arity, flags, keys, categories.",
    complexity="O(N) with N commands",
    flags="loading stale",
    categories="connection",
)
def describe(call: Call) -> object:
    """Reply: an array, nil for a name that no command has."""
    if len(call.words) == 2:  # noqa: PLR2004 - nothing but the name
        return show_commands(call)
    found = [_named(call, name) for name in call.words[2:]]
    return [command and _describe(command) for command in found]


@family.command(
    "COMMAND|DOCS",
    "[command-name [command-name ...]]",
    summary="Documents commands: summary, complexity, arguments.",
    complexity="O(N) with N commands",
    flags="loading stale",
    categories="connection",
)
def document(call: Call) -> object:
    """Reply: a map by name, without the names that no command has."""
    named = [_named(call, name) for name in call.words[2:]]
    commands = [command for command in named if command] if named else call.context.commands
    return {command.name: _document(command) for command in commands}


@family.command(
    "COMMAND|GETKEYS",
    "command [arg [arg ...]]",
    summary="Tells which arguments of a command are its keys.",
    complexity="O(N) with N arguments",
    flags="loading stale",
    categories="connection",
)
def get_keys(call: Call) -> object:
    """Reply: an array of keys."""
    return _with_keys(call).keys(call.words[2:])


@family.command(
    "COMMAND|GETKEYSANDFLAGS",
    "command [arg [arg ...]]",
    summary="Tells which arguments of a command are its keys, and what it does with them.",
    complexity="O(N) with N arguments",
    flags="loading stale",
    categories="connection",
)
def get_keys_and_flags(call: Call) -> object:
    """Reply: an array of pairs of a key and its flags."""
    command = _with_keys(call)
    return [[key, _statuses(command.key_flags)] for key in command.keys(call.words[2:])]


_FILTERS: dict[bytes, Callable[[Command, str], bool]] = {
    b"module": lambda command, name: name == "mc" and command.name.startswith(_MODULE_PREFIX),
    b"aclcat": lambda command, category: category in command.categories,
    b"pattern": lambda command, pattern: fnmatchcase(command.name, pattern.replace("[^", "[!")),
}


def _everything(commands: Iterable[Command]) -> Iterator[Command]:
    """Commands, each followed by its subcommands."""
    for command in commands:
        yield command
        yield from command.subcommands.values()


def _with_keys(call: Call) -> Command:
    """The command that the arguments call, which must have keys."""
    words = call.words[2:]
    command = call.context.commands.locate(words)
    if command is None:
        raise CommandError("Invalid command specified")
    if not command.key_position or "not_key" in command.key_flags:
        raise CommandError("The command has no key arguments")
    if not command.fits(len(words)):
        raise CommandError("Invalid number of arguments specified for command")
    return command


def _named(call: Call, name: bytes) -> Command | None:
    """The command of a full name, such as `get` or `client|id`."""
    command = call.context.commands.locate(name.split(b"|", 1))
    return command if command and ("|" in command.name) == (b"|" in name) else None


def _describe(command: Command) -> list[object]:
    return [
        command.name,
        command.arity,
        _statuses(flag for flag in _FLAGS if flag in command.flags),
        command.key_position,
        command.last_key,
        1 if command.key_position else 0,
        _statuses(f"@{category}" for category in CATEGORIES if category in command.categories),
        Members(()),  # tips
        Members([_key_specification(command)] if command.key_position else []),
        [_describe(sub) for sub in command.subcommands.values()] or Members(()),
    ]


def _key_specification(command: Command) -> dict[str, object]:
    last = -1 if command.last_key < 0 else 0  # relative to the first
    return {
        "flags": _statuses(command.key_flags),
        "begin_search": {"type": "index", "spec": {"index": command.key_position}},
        "find_keys": {"type": "range", "spec": {"lastkey": last, "keystep": 1, "limit": 0}},
    }


def _document(command: Command) -> dict[str, object]:
    document: dict[str, object] = {
        "summary": command.summary,
        "since": command.since,
        "group": command.group,
        "complexity": command.complexity,
    }
    if command.name.startswith(_MODULE_PREFIX):
        document["module"] = "mc"
    if command.arguments:
        document["arguments"] = [_document_argument(argument) for argument in command.arguments]
    if command.subcommands:
        document["subcommands"] = {sub.name: _document(sub) for sub in command.subcommands.values()}
    return document


def _document_argument(argument: Argument) -> dict[str, object]:
    document: dict[str, object] = {"name": argument.name, "type": argument.kind}
    if not argument.children:
        document["display_text"] = argument.name
    if argument.kind == "key":
        document["key_spec_index"] = 0
    if argument.token:
        document["token"] = argument.token
    flags = [name for name, given in (("optional", argument.optional), ("multiple", argument.multiple)) if given]
    if flags:
        document["flags"] = _statuses(flags)
    if argument.children:
        document["arguments"] = [_document_argument(child) for child in argument.children]
    return document


def _statuses(names: Iterable[str]) -> Members:
    return Members([Status(name) for name in names])
