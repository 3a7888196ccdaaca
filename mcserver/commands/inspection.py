"""OBJECT: what is known of a model beside its contents."""

from mcserver.cache.models import ModelState, name_of
from mcserver.context import Call
from mcserver.table import Family
from protocol.errors import CommandError

__all__ = ["family"]

family = Family("generic")

_NO_FREQUENCIES = (
    "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime "
    "LRU and LFU data will take some time to adjust."
)

family.container("OBJECT", summary="A container for commands on what is known of a model beside its contents.")


@family.command("OBJECT|ENCODING", "key", summary="Tells how a model is kept.", flags="readonly", key="RO")
def encoding(call: Call) -> object:
    """Reply: `raw`, as of every value whose type is not one of Redis' own; nil if there is no such model."""
    return "raw" if _state(call) else None


@family.command("OBJECT|REFCOUNT", "key", summary="Tells how many keys share a model.", flags="readonly", key="RO")
def reference_count(call: Call) -> object:
    """Reply: 1; nil if there is no such model."""
    return 1 if _state(call) else None


@family.command("OBJECT|IDLETIME", "key", summary="Tells how long a model has not been used.", flags="readonly", key="RO")
def idle_time(call: Call) -> object:
    """Reply: seconds since the last lookup, change of entries or TOUCH; nil if there is no such model."""
    state = _state(call)
    return None if state is None else max(0, call.now - call.cache.last_used(state)) // 1000


@family.command(
    "OBJECT|FREQ", "key", summary="Tells how often a model is used, where that is what decides which one goes.", flags="readonly", key="RO"
)
def frequency(call: Call) -> object:
    """Reply: nil if there is no such model, else an error, as where maxmemory-policy is none of the LFU ones."""
    if _state(call) is None:
        return None
    raise CommandError(_NO_FREQUENCIES)


def _state(call: Call) -> ModelState | None:
    return call.cache.models.find(name_of(call.words[2]))
