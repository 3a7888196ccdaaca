"""SLOWLOG: the commands that took long."""

from mcserver.context import Call
from mcserver.table import Family
from mcserver.telemetry.slowlog import SlowCommand
from protocol.arguments import Arguments
from protocol.errors import CommandError, wrong_subcommand_arity
from protocol.number import parse_integer
from protocol.reply import OK

__all__ = ["family"]

family = Family("server")

DEFAULT_COUNT = 10

family.container("SLOWLOG", summary="A container for commands on the slow log.")


@family.command(
    "SLOWLOG|GET",
    "[count]",
    summary="Returns the latest slow commands; -1 gives all.",
    complexity="O(N) with N commands returned",
    flags="admin loading stale",
)
def latest(call: Call) -> object:
    """Reply: an array of id, time in seconds, microseconds, words, address and name of the client; newest first."""
    if len(call.arguments) > 1:
        raise wrong_subcommand_arity("slowlog", call.words[1])
    count = _count(call.arguments)
    slowlog = call.context.slowlog
    return [_describe(entry) for entry in slowlog.latest(len(slowlog) if count == -1 else count)]


@family.command("SLOWLOG|LEN", "", summary="Returns the number of commands in the slow log.", flags="admin loading stale")
def length(call: Call) -> object:
    """Reply: an integer."""
    return len(call.context.slowlog)


@family.command(
    "SLOWLOG|RESET", "", summary="Empties the slow log.", complexity="O(N) with N commands in the log", flags="admin loading stale"
)
def reset(call: Call) -> object:
    """Reply: OK."""
    call.context.slowlog.reset()
    return OK


def _count(arguments: Arguments) -> int:
    if not len(arguments):
        return DEFAULT_COUNT
    count = parse_integer(arguments.pop())
    if count is None or count < -1:
        raise CommandError("count should be greater than or equal to -1")
    return count


def _describe(entry: SlowCommand) -> list[object]:
    return [entry.id, entry.time, entry.microseconds, list(entry.words), entry.address, entry.name]
