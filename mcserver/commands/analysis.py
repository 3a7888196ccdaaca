"""Commands on what was asked: the query log of a model, and its most useful entries."""

from mcserver.commands.entry import DEFAULT_COUNT, MAX_COUNT, read_cursor
from mcserver.commands.semantic import model_name
from mcserver.context import Call
from mcserver.table import Family
from protocol.arguments import Options, choice, integer
from storage.records import LoggedLookup, Ranking, UsefulEntry

__all__ = ["family"]

family = Family("semantic")

_COUNT = integer(minimum=1, maximum=MAX_COUNT)
_LOG = Options(COUNT=_COUNT, OUTCOME=choice("hit", "miss", "unsure"), AFTER=read_cursor)
_TOP = Options(COUNT=_COUNT, BY=choice("hits", "saved"))


@family.command(
    "MC.LOG",
    "model [COUNT count] [OUTCOME <HIT | MISS | UNSURE>] [AFTER cursor]",
    summary="Returns the latest lookups; with AFTER those that were logged after one of them.",
    flags="readonly",
    complexity="O(N) with N lookups returned; with OUTCOME those passed over count, too",
)
async def log(call: Call) -> object:
    """Reply: an array of maps, the newest first; with AFTER the oldest first, so that the last cursor is the one to go on with."""
    model = model_name(call)
    options = call.arguments.options(_LOG)
    found = await call.cache.entries.log(
        model, count=options.get("COUNT", DEFAULT_COUNT), outcome=options.get("OUTCOME"), after=options.get("AFTER")
    )
    return [_describe_lookup(lookup) for lookup in found]


@family.command(
    "MC.TOP",
    "model [COUNT count] [BY <HITS | SAVED>]",
    summary="Returns the entries that were served most, or that saved most.",
    flags="readonly",
    complexity="O(N) with N entries in the model",
)
async def top(call: Call) -> object:
    """Reply: an array of maps, best first."""
    model = model_name(call)
    options = call.arguments.options(_TOP)
    found = await call.cache.entries.top(
        model,
        count=options.get("COUNT", DEFAULT_COUNT),
        by=Ranking(options.get("BY", "hits")),
        now=call.now,
        within=call.within,
    )
    return [_describe_entry(entry) for entry in found]


def _describe_lookup(lookup: LoggedLookup) -> dict[str, object]:
    return {
        "cursor": lookup.id,
        "time": lookup.time,
        "count": lookup.count,
        "outcome": lookup.outcome,
        "reason": lookup.reason,
        "score": lookup.score,
        "query": lookup.query,
        "hit-query": lookup.hit_query,
        "id": lookup.entry_id,
        "microseconds": lookup.microseconds,
    }


def _describe_entry(entry: UsefulEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "query": entry.query,
        "hits": entry.hits,
        "last-hit": entry.last_hit,
        "tokens-saved": entry.tokens_saved,
        "cost-saved": entry.cost_saved,
    }
