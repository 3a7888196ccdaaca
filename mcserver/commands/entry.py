"""Commands on stored entries: removing, showing, listing, and how long they live."""

from collections.abc import Callable

from mcserver.cache.change import Finish
from mcserver.commands.semantic import MAX_TIME, model_name, read_asked, read_tags
from mcserver.context import Call, Result
from mcserver.table import Family, Job
from protocol.arguments import Arguments, Options, counted, flag, integer, text
from protocol.errors import CommandError
from protocol.number import INTEGER_MIN
from storage.records import Delete, Expire, Outcome, Write

__all__ = ["DEFAULT_COUNT", "MAX_COUNT", "family", "read_cursor"]

family = Family("semantic")

MAX_COUNT = 10_000
DEFAULT_COUNT = 10

_ANY_QUERY = "?"
"""Stands for the query where only its partition matters."""

_KEY = Options(SYSTEM=text(), PARAMS=text())
_TRUNCATE = Options(SYSTEM=text(), PARAMS=text(), TAGS=counted(text()), ASYNC=flag)
_SCAN = Options(COUNT=integer(minimum=1, maximum=MAX_COUNT), MATCH=text(), TAGS=counted(text()))


@family.command(
    "MC.DEL",
    "model <id [id ...] | QUERY query [SYSTEM text] [PARAMS json]>",
    summary="Removes entries by id, or the entry of exactly this query.",
    flags="write",
    key="RW delete",
    complexity="O(N) with N ids",
    deferred=True,
)
def delete(call: Call) -> Result:
    """Reply: the number removed."""
    model, arguments = model_name(call), call.arguments
    if not arguments.match("QUERY"):
        ids = tuple(dict.fromkeys(arguments.rest("id", integer())))
        return _write(call, model, lambda model_id: Delete(model_id, ids))
    query = arguments.take("query", text(limit=call.context.settings.max_query_bytes))
    asked = read_asked(query, arguments.options(_KEY), call.context.settings)
    return call.cache.entries.delete(model, asked, now=call.now, finish=_removed)


@family.command(
    "MC.TRUNCATE",
    "model [SYSTEM text] [PARAMS json] [TAGS n tag ...] [ASYNC]",
    summary="Removes a model's entries: all, those of one system prompt and parameter set, or those that carry all the tags.",
    flags="write",
    key="RW delete",
    complexity="O(1) for a whole model; else O(N) with N entries removed",
    deferred=True,
)
def truncate(call: Call) -> Result:
    """Reply: the number removed. They are out of reach when it comes; with or without ASYNC their space is reclaimed in the background."""
    model, settings = model_name(call), call.context.settings
    options = call.arguments.options(_TRUNCATE)
    tags = read_tags(options, settings)
    within = read_asked(_ANY_QUERY, options, settings) if options.keys() & {"SYSTEM", "PARAMS"} else None
    return call.cache.entries.truncate(model, within, tags, now=call.now, finish=_removed)


@family.command(
    "MC.ENTRY",
    "model id",
    summary="Shows a stored entry, without its vector.",
    flags="readonly",
)
async def entry(call: Call) -> object:
    """Reply: a map, or nil."""
    model, entry_id = _model_and_id(call)
    found = await call.cache.entries.entry(model, entry_id, now=call.now, within=call.within)
    if found is None:
        return None
    return {
        "id": found.id,
        "model": model,
        "partition": found.partition.hex(),
        "query": found.query,
        "answer": found.answer,
        "meta": found.meta or None,
        "tags": list(found.tags),
        "created": found.created,
        "expires": found.expires or None,
        "ttl": _seconds_left(found.expires, call.now),
        "hits": found.hits,
        "last-hit": found.last_hit or None,
        "good": found.good,
        "bad": found.bad,
    }


@family.command(
    "MC.SCAN",
    "model cursor [COUNT count] [MATCH pattern] [TAGS n tag ...]",
    summary="Goes through the ids of a model's entries, some at a time.",
    flags="readonly",
    complexity="O(1) for every call, O(N) for all N entries",
)
async def scan(call: Call) -> object:
    """Reply: the next cursor (0 at the end) and ids. MATCH is a glob on the query text; COUNT entries are looked at."""
    model = model_name(call)
    cursor = call.arguments.take("cursor", read_cursor)
    options = call.arguments.options(_SCAN)
    following, ids = await call.cache.entries.scan(
        model,
        cursor,
        count=options.get("COUNT", DEFAULT_COUNT),
        match=options.get("MATCH", ""),
        tags=read_tags(options, call.context.settings),
        now=call.now,
        within=call.within,
    )
    return [str(following), ids]


@family.command("MC.TTL", "model id", summary="Tells how many seconds an entry has left.", flags="readonly")
async def ttl(call: Call) -> object:
    """Reply: seconds; -1 if it stays, -2 if there is no such entry."""
    model, entry_id = _model_and_id(call)
    found = await call.cache.entries.entry(model, entry_id, now=call.now, within=call.within)
    return -2 if found is None else _seconds_left(found.expires, call.now)


@family.command("MC.EXPIRE", "model id seconds", summary="Sets how many seconds an entry has left.", flags="write", deferred=True)
def expire(call: Call) -> Result:
    """Reply: 1, or 0 if there is no such entry. As with EXPIRE, an entry that has none left is removed."""
    model = model_name(call)
    entry_id = call.arguments.take("id", integer())
    seconds = call.arguments.take("seconds", integer())
    call.arguments.done()
    expires = call.now + seconds * 1000
    if not INTEGER_MIN <= expires <= MAX_TIME:
        raise CommandError(f"invalid expire time in '{call.command.name}' command")
    if seconds > 0:
        return _write(call, model, lambda model_id: Expire(model_id, entry_id, expires), finish=_found)

    def end(model_id: int) -> list[Write]:
        return [Expire(model_id, entry_id, call.now), Delete(model_id, (entry_id,), only_expired=True)]

    return call.cache.entries.unit(model, end, now=call.now, finish=_found)


@family.command("MC.PERSIST", "model id", summary="Lets an entry stay until it is removed.", flags="write", deferred=True)
def persist(call: Call) -> Result:
    """Reply: 1, or 0 if there is no such entry or it stays already."""
    model, entry_id = _model_and_id(call)
    return _write(call, model, lambda model_id: Expire(model_id, entry_id, 0), finish=_found)


def _write(call: Call, model: str, write: Callable[[int], Write], *, finish: Finish | None = None) -> Job:
    return call.cache.entries.write(model, write, now=call.now, finish=finish or _removed)


def _removed(outcomes: list[Outcome]) -> int:
    return sum(outcome.count for outcome in outcomes)


def _found(outcomes: list[Outcome]) -> int:
    return sum(outcome.id is not None for outcome in outcomes)


def _model_and_id(call: Call) -> tuple[str, int]:
    model = model_name(call)
    entry_id = call.arguments.take("id", integer())
    call.arguments.done()
    return model, entry_id


def _seconds_left(expires: int, now: int) -> int:
    return (expires - now + 999) // 1000 if expires else -1


def read_cursor(arguments: Arguments, name: str) -> int:
    """Redis' words for a cursor that is none."""
    try:
        return integer(minimum=0)(arguments, name)
    except CommandError:
        raise CommandError("invalid cursor") from None
