"""Models as keys: what every key of Redis answers, whatever its type."""

from mcserver.cache.models import TYPE_NAME, ModelState, name_of
from mcserver.context import Call, Result
from mcserver.table import Family
from protocol.reply import Status
from storage.records import Outcome

__all__ = ["family"]

family = Family("generic")

_NO_TIME_TO_LIVE = -1
_NO_KEY = -2


@family.command(
    "EXISTS",
    "key [key ...]",
    summary="Tells how many of these models there are.",
    flags="readonly fast",
    key="RO",
    complexity="O(N) with N names",
)
def exists(call: Call) -> object:
    """Reply: an integer; a name that is given twice counts twice."""
    return len(_found(call))


@family.command("TYPE", "key", summary="Tells what a key holds.", flags="readonly fast", key="RO")
def type_of(call: Call) -> object:
    """Reply: `modelcache`, or `none` where there is no such model."""
    return Status(TYPE_NAME if _found(call) else "none")


@family.command(
    "DEL", "key [key ...]", summary="Drops models.", flags="write", key="RM delete", complexity="O(N) with N models", deferred=True
)
def delete(call: Call) -> Result:
    """Reply: the number of models dropped, all in one step. Their space is reclaimed in the background."""
    return call.cache.admin.drop([name_of(word) for word in call.words[1:]], now=call.now, finish=_dropped)


@family.command(
    "UNLINK", "key [key ...]", summary="Drops models.", flags="write fast", key="RM delete", complexity="O(N) with N models", deferred=True
)
def unlink(call: Call) -> Result:
    """As DEL, which reclaims space in the background too."""
    return delete(call)


@family.command("PEXPIRETIME", "key", summary="Tells when a model ends, in milliseconds since the epoch.", flags="readonly fast")
@family.command("EXPIRETIME", "key", summary="Tells when a model ends, in seconds since the epoch.", flags="readonly fast")
@family.command("PTTL", "key", summary="Tells how many milliseconds a model has left.", flags="readonly fast")
@family.command("TTL", "key", summary="Tells how many seconds a model has left.", flags="readonly fast")
def time_to_live(call: Call) -> object:
    """Reply: -1, since a model stays until it is dropped; -2 if there is none. Its entries have times of their own: see MC.TTL."""
    return _NO_TIME_TO_LIVE if _found(call) else _NO_KEY


@family.command("PERSIST", "key", summary="Lets a model stay, as it does anyway.", flags="write fast")
def persist(call: Call) -> object:
    """Reply: 0, as for any key that has no time to live."""
    return 0


@family.command(
    "TOUCH", "key [key ...]", summary="Counts models as used just now.", flags="readonly fast", key="RO", complexity="O(N) with N names"
)
def touch(call: Call) -> object:
    """Reply: the number of them that there are."""
    found = _found(call)
    for state in found:
        state.last_used = call.now
    return len(found)


def _found(call: Call) -> list[ModelState]:
    """The models of the names that the command was given."""
    states = (call.cache.models.find(name_of(word)) for word in call.words[1:])
    return [state for state in states if state is not None]


def _dropped(outcomes: list[Outcome]) -> int:
    return sum(outcome.id is not None for outcome in outcomes)
