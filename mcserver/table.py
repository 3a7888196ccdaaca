"""The command table: what a command is, and the decorator that puts one into the table of its family."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from mcserver.folder import StartupError
from mcserver.usage import Argument, arity, key_position, parse_usage
from protocol.errors import wrong_arity
from protocol.reply import Status

if TYPE_CHECKING:
    from mcserver.context import Call
    from storage.seams import Transaction

__all__ = ["CATEGORIES", "Command", "Family", "Job", "Reply", "Table"]

Reply = object
"""A plain value that the encoder knows."""


class Job(ABC):
    """A command whose work takes time. The connection keeps the order; the job says what must come before what."""

    __slots__ = ()

    @abstractmethod
    async def prepare(self) -> None:
        """Everything slow that has no effect (embedding). Jobs of one pipeline, and of one EXEC, prepare side by side."""

    @abstractmethod
    def start(self, within: "Transaction | None" = None) -> Awaitable[Reply]:
        """Take the job's place in the order, at once; what is returned waits for the reply. Only called where `prepare` succeeded."""

    @property
    def serial(self) -> bool:
        """Whether the next write of the connection may start only when this one has ended: it is made from what this one changes."""
        return False


_NOT_KEY = "not_key"

Run = Callable[["Call"], "Reply | Awaitable[Reply] | Job"]
RunT = TypeVar("RunT", bound=Run)


@dataclass(frozen=True, slots=True)
class Command:
    """A command or subcommand. `name` is in lower case, a subcommand's with its container's: `config|get`.

    deferred: whether `run` builds a Job and has no effect itself, so that EXEC may call it ahead of its turn. A command that gives a Job
        is deferred, except EXEC itself, which is never queued.
    writes: whether later commands of its connection wait for it.
    flags: Redis' words: write readonly admin denyoom fast loading stale noscript no_auth no_multi.
    key_flags: what is done with the keys, in Redis' words for a key specification: RW update, RO access, RM delete, OW insert, RO,
        or not_key for what is only found like a key: a shard channel.
    """

    name: str
    run: Run
    usage: str
    summary: str
    group: str
    since: str
    complexity: str
    flags: frozenset[str]
    categories: frozenset[str]
    arguments: tuple[Argument, ...]
    arity: int
    key_position: int
    deferred: bool
    writes: bool
    key_flags: tuple[str, ...] = ()
    subcommands: dict[str, "Command"] = field(default_factory=dict)

    def fits(self, count: int) -> bool:
        """Whether `count` words, the name among them, satisfy the arity."""
        return count == self.arity if self.arity > 0 else count >= -self.arity

    @property
    def last_key(self) -> int:
        """Position of the last key among the words, -1 where they go on to the end, 0 where there is none."""
        return -1 if self.key_position and self.arguments[0].multiple else self.key_position

    def keys(self, words: Sequence[bytes]) -> Sequence[bytes]:
        """The keys among the words of a request whose number of words fits."""
        if not self.key_position or _NOT_KEY in self.key_flags:
            return ()
        return words[self.key_position :] if self.last_key < 0 else words[self.key_position : self.key_position + 1]

    @property
    def reads_key(self) -> bool:
        """Whether what is stored under the key reaches the client; not so where it only learns that the key is there."""
        return "access" in self.key_flags

    @property
    def writes_key(self) -> bool:
        """Whether what is stored under the key may be changed."""
        return not {"update", "insert", "delete"}.isdisjoint(self.key_flags)

    @property
    def every_key(self) -> bool:
        """Whether it changes what is stored under every key, without naming one."""
        return self.name in _EMPTYING

    def channels(self, words: Sequence[bytes]) -> Sequence[bytes]:
        """The channels (of PSUBSCRIBE the patterns) that the request publishes or subscribes to."""
        if self.name in _PUBLISHING:
            return words[1:2]
        return words[1:] if self.name in _SUBSCRIBING else ()


class Family:
    """The commands of one module of mcserver.commands, with what they have in common."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.commands: dict[str, Command] = {}

    def command(
        self,
        name: str,
        usage: str = "",
        *,
        summary: str,
        flags: str = "",
        categories: str = "",
        complexity: str = "O(1)",
        since: str = "0.1.0",
        deferred: bool = False,
        writes: bool | None = None,
        words: int = 0,
        key: str = "",
    ) -> Callable[[RunT], RunT]:
        """Register a function; `name` is `NAME` or `CONTAINER|SUB`. Arity and key position follow from the usage line.

        writes: where it is not what the flags say. words: the arity, where it is another. key: the key flags, where they are others than
        RW update of a command that writes and RO access of one that does not.
        """

        def register(run: RunT) -> RunT:
            arguments = parse_usage(usage)
            container = name.count("|")
            least = arity(arguments)
            position = 1 if key == _NOT_KEY else key_position(arguments)
            changes = "write" in flags.split() if writes is None else writes
            self.commands[name.lower()] = Command(
                name=name.lower(),
                run=run,
                usage=usage,
                summary=summary,
                group=self.group,
                since=since,
                complexity=complexity,
                flags=frozenset(flags.split()),
                categories=frozenset(categories.split()) | _categories(flags.split(), self.group),
                arguments=arguments,
                arity=words or (least + container if least > 0 else least - container),
                key_position=position and position + container,
                deferred=deferred,
                writes=changes,
                key_flags=tuple((key or ("RW update" if changes else "RO access")).split()) if position else (),
            )
            return run

        return register

    def container(self, name: str, *, summary: str, run: Run | None = None, flags: str = "", categories: str = "") -> None:
        """Register a command with subcommands, and its HELP. `run` answers it where it stands alone; without one that is a wrong arity."""
        self.command(
            name, summary=summary, flags=flags, categories=categories, complexity="that of the subcommand", words=-1 if run else -2
        )(run or _refuse)
        if run is None:  # as in Redis: what it does, only its subcommands do
            self.commands[name.lower()] = replace(self.commands[name.lower()], categories=frozenset({"slow"}))
        self.command(f"{name}|HELP", summary="Prints this help.", flags="loading stale", categories=categories)(_show_help)


class Table:
    """All commands, found by name in any letter case.

    renames: pairs of an old and a new name by which alone a command is called from then on; not at all where the new one is empty. What a
    command is called in itself stays: in rights, statistics, errors. Raises StartupError.
    """

    def __init__(self, families: Iterable[Family], renames: Iterable[tuple[str, str]] = ()) -> None:
        everything = {name: command for family in families for name, command in family.commands.items()}
        self._commands = {name: command for name, command in everything.items() if "|" not in name}
        for name, command in everything.items():
            if "|" in name:
                container, sub = name.split("|")
                self._commands[container].subcommands[sub] = command
        self._found: dict[bytes, Command] = {name.encode(): command for name, command in self._commands.items()}
        self._found |= {name.encode().upper(): command for name, command in self._commands.items()}
        for old, new in renames:
            self._rename(old, new)

    def find(self, name: bytes) -> Command | None:
        """The command of this name."""
        return self._found.get(name) or self._found.get(name.lower())

    def locate(self, words: Sequence[bytes]) -> Command | None:
        """The command or subcommand that a request of these words calls."""
        command = self.find(words[0])
        if command is None or not command.subcommands or len(words) == 1:
            return command
        return command.subcommands.get(words[1].decode("utf-8", "replace").lower())

    def named(self, name: str) -> Command | None:
        """The command that has this full name in itself, in any letter case, such as `get` or `client|id`."""
        container, bar, sub = name.lower().partition("|")
        command = self._commands.get(container)
        return command.subcommands.get(sub) if command and bar else command

    def everything(self) -> Iterator[Command]:
        """Commands, each followed by its subcommands; also those that cannot be called."""
        for command in self._commands.values():
            yield command
            yield from command.subcommands.values()

    def __iter__(self) -> Iterator[Command]:
        """Those that can be called."""
        return iter({command.name: command for command in self._found.values()}.values())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _rename(self, old: str, new: str) -> None:
        command = self.find(old.encode())
        if command is None:
            raise StartupError(f"rename-command {old}: No such command in rename-command")
        if new and self.find(new.encode()) not in (None, command):
            raise StartupError(f"rename-command {old} {new}: Target command name already exists")
        for name in [name for name, found in self._found.items() if found is command]:
            del self._found[name]
        if new:
            self._found |= {new.lower().encode(): command, new.upper().encode(): command}


def _refuse(call: "Call") -> Reply:
    raise wrong_arity(call.command.name)


def _show_help(call: "Call") -> Reply:
    """Lines in the form of every HELP of Redis, made from the table."""
    name = call.command.name.partition("|")[0]
    container = next(command for command in call.context.commands if command.name == name)
    lines = [f"{call.words[0].decode('utf-8', 'replace').upper()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    if container.fits(1):
        lines += ["(no subcommand)", f"    {container.summary}"]
    for command in sorted(container.subcommands.values(), key=lambda command: (command.run is _show_help, command.name)):
        sub = command.name.partition("|")[2].upper()
        lines += [f"{sub} {command.usage}".rstrip(), f"    {command.summary}"]
    return [Status(line) for line in lines]


CATEGORIES = tuple(
    "keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow blocking dangerous connection "
    "transaction scripting semantic".split()
)
"""Every ACL category, in the order in which Redis lists them; ours last. Those of data types that do not exist here have no commands."""

_SUBSCRIBING = frozenset({"subscribe", "psubscribe", "ssubscribe"})
_EMPTYING = frozenset({"flushall", "flushdb", "swapdb"})
_PUBLISHING = frozenset({"publish", "spublish"})

_GROUP_CATEGORIES = {"connection": "connection", "generic": "keyspace", "semantic": "semantic", "transactions": "transaction"}


def _categories(flags: Sequence[str], group: str) -> set[str]:
    """ACL categories that follow from flags and group, as Redis derives them."""
    categories = {"fast" if "fast" in flags else "slow"}
    categories |= {"write"} if "write" in flags else set()
    categories |= {"read"} if "readonly" in flags else set()
    categories |= {"admin", "dangerous"} if "admin" in flags else set()
    categories |= {"pubsub", "blocking"}.intersection(flags)
    categories |= {_GROUP_CATEGORIES[group]} if group in _GROUP_CATEGORIES else set()
    return categories
