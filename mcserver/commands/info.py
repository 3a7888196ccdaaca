"""INFO: which sections are wanted, and how they are written. What stands in them is made in section and counter."""

from collections.abc import Callable, Mapping

from mcserver.commands import counter, section
from mcserver.context import Call
from mcserver.table import Family
from protocol.reply import Verbatim

__all__ = ["family"]

family = Family("server")

Fields = Mapping[str, object]

_ALWAYS = {"default", "all", "everything"}
_MORE = {"all", "everything"}
_OWN = {"everything", "modules", "mc"}

SECTIONS: dict[str, tuple[Callable[[Call], Fields], set[str]]] = {
    "Server": (section.server, _ALWAYS),
    "Clients": (section.clients, _ALWAYS),
    "Memory": (section.memory, _ALWAYS),
    "Persistence": (section.persistence, _ALWAYS),
    "Stats": (counter.stats, _ALWAYS),
    "Replication": (section.replication, _ALWAYS),
    "CPU": (section.processor, _ALWAYS),
    "Modules": (section.modules, _ALWAYS | {"module_list"}),
    "Commandstats": (counter.command_statistics, _MORE),
    "Errorstats": (counter.error_statistics, _ALWAYS),
    "Latencystats": (counter.latency_statistics, _MORE),
    "Cluster": (section.cluster, _ALWAYS),
    "Keyspace": (section.keyspace, _ALWAYS),
    "mc_stats": (counter.cache_statistics, _OWN),
    "mc_models": (counter.models, _OWN),
}
"""The sections in Redis' order, and the words beside its own name that ask for each.

redis-cli --stat takes the first place where a name stands, be it inside another name: what it reads (`used_memory`, `loading`, ...) stands
before anything that contains it, and ours stands last."""


@family.command(
    "INFO",
    "[section [section ...]]",
    summary="Describes the server: what it is, what it does, what it has done.",
    categories="dangerous",
    flags="loading stale",
)
def info(call: Call) -> object:
    """Reply: text; empty for a section that there is none of."""
    wanted = {word.decode("utf-8", "replace").lower() for word in call.words[1:]} or {"default"}
    chosen = [
        _write(name, fields(call)) for name, (fields, groups) in SECTIONS.items() if name.lower() in wanted or not groups.isdisjoint(wanted)
    ]
    return Verbatim("\r\n".join(chosen))


def _write(name: str, fields: Fields) -> str:
    return f"# {name}\r\n" + "".join(f"{field}:{value}\r\n" for field, value in fields.items())
