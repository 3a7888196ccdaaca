"""Commands on the key space: a model is a key."""

from mcserver.context import Call, Result
from mcserver.table import Family
from protocol.arguments import choice
from protocol.errors import SYNTAX_ERROR, CommandError
from protocol.reply import OK

__all__ = ["family"]

family = Family("generic")


@family.command("DBSIZE", "", summary="Returns the number of models.", flags="readonly fast")
def database_size(call: Call) -> object:
    """Reply: an integer."""
    return len(call.cache.models)


@family.command(
    "FLUSHALL",
    "[ASYNC | SYNC]",
    summary="Removes the entries of all models.",
    flags="write",
    complexity="O(N) with N models",
    deferred=True,
)
def flush_all(call: Call) -> Result:
    """Reply: OK. Models and their settings stay, as after MC.TRUNCATE of each."""
    if len(call.arguments) > 1:
        raise CommandError(SYNTAX_ERROR)
    if len(call.arguments):
        call.arguments.take("mode", choice("ASYNC", "SYNC"))
    return call.cache.admin.truncate_all(now=call.now, finish=lambda _: OK)


@family.command(
    "FLUSHDB",
    "[ASYNC | SYNC]",
    summary="Removes the entries of all models.",
    flags="write",
    categories="dangerous",
    complexity="O(N) with N models",
    deferred=True,
)
def flush_database(call: Call) -> Result:
    """As FLUSHALL: there is one database."""
    return flush_all(call)
