"""MEMORY: what the process has in RAM, and what a model takes."""

import asyncio
from collections.abc import Iterator

from mcserver.cache.models import name_of
from mcserver.context import Call
from mcserver.process import allocator_report, peak_bytes, release_free_memory, resident_bytes
from mcserver.table import Family
from protocol.arguments import Arguments, Options, integer
from protocol.errors import SYNTAX_ERROR, CommandError
from protocol.reply import OK, Verbatim

__all__ = ["family"]

family = Family("server")

_PEAK_RATIO = 1.5
_CLIENT_BYTES = 200 * 1024
"""Unread replies and unfinished requests per client; both bounds as in Redis."""

family.container("MEMORY", summary="A container for commands on memory.")


def _samples(arguments: Arguments, name: str) -> int:
    count = integer()(arguments, name)
    if count < 0:
        raise CommandError(SYNTAX_ERROR)
    return count


_USAGE = Options(SAMPLES=_samples)


@family.command(
    "MEMORY|USAGE",
    "key [SAMPLES count]",
    summary="Returns the bytes of a model's entries: queries, answers, META and vectors.",
    flags="readonly",
    key="RO",
)
def usage(call: Call) -> object:
    """Reply: an integer, nil where there is no such model. It is counted with every write, so that nothing need be sampled."""
    name = name_of(call.arguments.pop())
    call.arguments.options(_USAGE)
    return _usage(call, name) if call.cache.models.find(name) is not None else None


@family.command("MEMORY|STATS", "", summary="Returns what memory is used for.")
def stats(call: Call) -> object:
    """Reply: a map with the names of Redis; what does not exist here is 0. Bytes are those of the process: see INFO memory."""
    used, start, (_, answers) = resident_bytes(), call.context.memory_at_start, call.answers_seen()
    peak, keys = max(peak_bytes(), used), len(call.cache.models.seen(call.client.user))
    databases = {"db.0": {"overhead.hashtable.main": 0, "overhead.hashtable.expires": 0}} if keys else {}
    return {
        "peak.allocated": peak,
        "total.allocated": used,
        "startup.allocated": start,
        "replication.backlog": 0,
        "clients.slaves": 0,
        "clients.normal": _held_for_clients(call),
        "cluster.links": 0,
        "aof.buffer": 0,
        "lua.caches": 0,
        "functions.caches": 0,
        **databases,
        "overhead.total": used - answers,
        "keys.count": keys,
        "keys.bytes-per-key": (used - start) // keys if keys and used > start else 0,
        "dataset.bytes": answers,
        "dataset.percentage": 100 * answers / (used - start) if used > start else 0.0,
        "peak.percentage": 100 * used / peak,
        "allocator.allocated": used,
        "allocator.active": used,
        "allocator.resident": used,
        "allocator-fragmentation.ratio": 1.0,
        "allocator-fragmentation.bytes": 0,
        "allocator-rss.ratio": 1.0,
        "allocator-rss.bytes": 0,
        "rss-overhead.ratio": 1.0,
        "rss-overhead.bytes": 0,
        "fragmentation": 1.0,
        "fragmentation.bytes": 0,
    }


@family.command("MEMORY|DOCTOR", "", summary="Reports on memory, and what can be done about it.")
def doctor(call: Call) -> object:
    """Reply: text."""
    return Verbatim("".join(f"* {finding}\n" for finding in _findings(call)) or "No memory issue was found.\n")


@family.command("MEMORY|PURGE", "", summary="Gives free memory back to the system.")
def purge(call: Call) -> object:
    """Reply: OK."""
    return _purge()


@family.command("MEMORY|MALLOC-STATS", "", summary="Tells what the allocators of the process hold.")
def allocators(call: Call) -> object:
    """Reply: text."""
    return Verbatim(allocator_report())


async def _usage(call: Call, name: str) -> object:
    return (await call.cache.admin.report(name, now=call.now, within=call.within)).usage.bytes


async def _purge() -> object:
    if not await asyncio.to_thread(release_free_memory):
        raise CommandError("Error purging dirty pages: the C library of this system cannot")
    return OK


def _held_for_clients(call: Call) -> int:
    return sum(sum(client.link.buffers()) for client in call.context.holding.values())


def _findings(call: Call) -> Iterator[str]:
    used, exact, connected = resident_bytes(), call.cache.exact, len(call.context.clients)
    if peak_bytes() > _PEAK_RATIO * used:
        yield (
            "Peak memory: the process once had more than 150 % of what it has now. Nothing need be done; "
            "MEMORY PURGE gives back what the allocator kept of it."
        )
    if exact.evicted and call.client.user.sees_all:
        yield (
            f"Answers pushed out: {exact.evicted} answers had to leave memory since the start, as exact-memory ({exact.budget} bytes) "
            "was full. They are still found in the store, only slower; a higher exact-memory keeps more."
        )
    if _held_for_clients(call) > _CLIENT_BYTES * max(1, connected):
        yield (
            "Client buffers: clients have on average more than 200 kB of unread replies or unfinished requests. CLIENT LIST shows whose "
            "(qbuf, omem); client-output-buffer-limit and maxmemory-clients bound them."
        )
