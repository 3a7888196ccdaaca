"""MC.SET, MC.GET and their plural forms: storing answers and finding them again by meaning."""

from collections.abc import Callable
from typing import Any

from mcserver.cache.change import Expiry, Stored, StoreJob
from mcserver.cache.lookup import Lookup, LookupJob
from mcserver.cache.question import Asked
from mcserver.cache.verdict import Verdict
from mcserver.context import Call, Result
from mcserver.prompt import canonical_object
from mcserver.settings import Settings
from mcserver.table import Family
from protocol.arguments import Options, blob, counted, flag, group, integer, number, text
from protocol.errors import CommandError
from protocol.reply import OK, Raw
from storage.records import Condition, Outcome

__all__ = ["MAX_TIME", "family", "model_name", "read_asked", "read_tags"]

family = Family("semantic")

MODEL_BYTES = 255
MAX_BATCH = 1000
"""Queries of one MC.MGET or MC.MSET."""

_SET = Options(
    SYSTEM=text(),
    PARAMS=text(),
    EX=integer(),
    PX=integer(),
    EXAT=integer(),
    PXAT=integer(),
    PERSIST=flag,
    NX=flag,
    XX=flag,
    TAGS=counted(text()),
    META=text(),
    VECTOR=blob(),
    WITHID=flag,
    exclusive=[("EX", "PX", "EXAT", "PXAT", "PERSIST"), ("NX", "XX")],
)
_GET = Options(
    SYSTEM=text(),
    PARAMS=text(),
    TAGS=counted(text()),
    THRESHOLD=number(minimum=0, maximum=1),
    EXACT=flag,
    VECTOR=blob(),
    NOLOG=flag,
    WITHMETA=flag,
)
_SET_USAGE = (
    "[SYSTEM text] [PARAMS json] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] "
    "[NX | XX] [TAGS n tag ...] [META json] [VECTOR blob] [WITHID]"
)
_GET_USAGE = "[SYSTEM text] [PARAMS json] [TAGS n tag ...] [THRESHOLD threshold] [EXACT] [VECTOR blob] [NOLOG] [WITHMETA]"
MAX_TIME = 1 << 53
"""Milliseconds since the epoch, far enough in the future for anything; larger ones would not fit everywhere."""


@family.command(
    "MC.SET",
    f"model query answer {_SET_USAGE}",
    summary="Stores the answer to a query, to be found by the same query and by queries that mean the same.",
    flags="write denyoom",
    complexity="O(log N) with N entries in the partition, plus embedding the query",
    deferred=True,
)
def set_answer(call: Call) -> Result:
    """Reply: OK, with WITHID the id; nil if NX or XX forbade it."""
    arguments, settings = call.arguments, call.context.settings
    model = model_name(call)
    query = arguments.take("query", text(limit=settings.max_query_bytes))
    answer = arguments.take("answer", blob(limit=settings.max_answer_bytes))
    options = arguments.options(_SET)
    finish = _first_id if "WITHID" in options else _stored
    pairs = [(read_asked(query, options, settings), answer)]
    return StoreJob(call.cache, model, pairs, _stored_options(call, options), now=call.now, finish=finish)


@family.command(
    "MC.MSET",
    f"model n query answer [query answer ...] {_SET_USAGE}",
    summary="Stores several answers, all of them or none.",
    flags="write denyoom",
    complexity="O(n log N) with N entries in the partition, plus embedding the queries",
    deferred=True,
)
def set_answers(call: Call) -> Result:
    """Reply: OK, with WITHID the array of ids. With NX or XX: nil if it forbade one of them, and then none is stored."""
    arguments, settings = call.arguments, call.context.settings
    model = model_name(call)
    pair = group(text(limit=settings.max_query_bytes), blob(limit=settings.max_answer_bytes))
    pairs = arguments.take("query", counted(pair, most=MAX_BATCH))
    options = arguments.options(_SET)
    if "VECTOR" in options and len(pairs) > 1:
        raise CommandError("VECTOR goes with one query, got several; use MC.SET for each")
    answers = [(read_asked(query, options, settings), answer) for query, answer in pairs]
    finish = _ids if "WITHID" in options else _stored
    return StoreJob(call.cache, model, answers, _stored_options(call, options), now=call.now, finish=finish)


@family.command(
    "MC.GET",
    f"model query {_GET_USAGE}",
    summary="Returns the stored answer to a query, or to one that means the same.",
    flags="readonly",
    complexity="O(1) for the same query; else O(log N) with N entries in the partition, plus embedding the query",
    deferred=True,
)
def get_answer(call: Call) -> Result:
    """Reply: the answer or nil; with WITHMETA a map, also on a miss."""
    arguments, settings = call.arguments, call.context.settings
    model = model_name(call)
    query = arguments.take("query", text(limit=settings.max_query_bytes))
    options = arguments.options(_GET)
    detail = "WITHMETA" in options
    lookup = _lookup(query, options, settings)
    touch = not call.client.no_touch
    job = LookupJob(call.cache, model, [lookup], now=call.now, finish=_finish_one(call, detail=detail), touch=touch)
    if call.queued:
        return job
    verdicts = job.exact_now()
    if verdicts is None:
        return job
    if not detail and lookup.log and (answer := verdicts[0].answer) is not None:  # what is remembered is logged, by its hit counter
        call.cache.exact.remember(tuple(call.words), answer)
    return _finish_one(call, detail=detail)(verdicts)


@family.command(
    "MC.MGET",
    f"model n query [query ...] {_GET_USAGE}",
    summary="Returns the stored answers to several queries.",
    flags="readonly",
    complexity="as n times MC.GET, embedded as one batch",
    deferred=True,
)
def get_answers(call: Call) -> Result:
    """Reply: an array of what MC.GET gives."""
    arguments, settings = call.arguments, call.context.settings
    model = model_name(call)
    queries = arguments.take("query", counted(text(limit=settings.max_query_bytes), most=MAX_BATCH))
    options = arguments.options(_GET)
    if "VECTOR" in options and len(queries) > 1:
        raise CommandError("VECTOR goes with one query, got several; use MC.GET for each")
    lookups = [_lookup(query, options, settings) for query in queries]
    form = _reply_form(call, detail="WITHMETA" in options)
    touch = not call.client.no_touch
    return LookupJob(call.cache, model, lookups, now=call.now, finish=lambda verdicts: [form(one) for one in verdicts], touch=touch)


def model_name(call: Call) -> str:
    """The model argument: any UTF-8 up to 255 bytes, not empty."""
    name = call.arguments.take("model", text(limit=MODEL_BYTES))
    if not name:
        raise CommandError(f"empty model name: expected 1 to {MODEL_BYTES} bytes")
    return name


def read_tags(options: dict[str, Any], settings: Settings) -> tuple[str, ...]:
    """The tags of TAGS, each once, within the limits."""
    tags: list[str] = options.get("TAGS", [])
    if len(tags) > settings.max_tags:
        raise CommandError(f"too many TAGS: {len(tags)}, at most {settings.max_tags}")
    for tag in tags:
        if not tag or len(tag.encode()) > settings.max_tag_bytes:
            raise CommandError(f"invalid tag: expected 1 to {settings.max_tag_bytes} bytes, got {len(tag.encode())}")
    return tuple(dict.fromkeys(tags))


def read_asked(query: str, options: dict[str, Any], settings: Settings) -> Asked:
    """The query with its SYSTEM and PARAMS; together they may not be longer than a query may be."""
    asked = Asked(query, options.get("SYSTEM"), options.get("PARAMS"))
    size = len(query.encode()) + len((asked.system or "").encode()) + len((asked.params or "").encode())
    if size > settings.max_query_bytes:
        raise CommandError(f"query, SYSTEM and PARAMS are too long: {size} bytes together, at most {settings.max_query_bytes}")
    return asked


def _lookup(query: str, options: dict[str, Any], settings: Settings) -> Lookup:
    return Lookup(
        asked=read_asked(query, options, settings),
        tags=frozenset(read_tags(options, settings)),
        threshold=options.get("THRESHOLD", 0.0),
        exact_only="EXACT" in options,
        vector=options.get("VECTOR"),
        detail="WITHMETA" in options,
        log="NOLOG" not in options,
    )


def _stored_options(call: Call, options: dict[str, Any]) -> Stored:
    condition = Condition.ABSENT if "NX" in options else Condition.PRESENT if "XX" in options else Condition.ALWAYS
    return Stored(
        meta=_meta(options.get("META"), call.context.settings),
        tags=read_tags(options, call.context.settings),
        expiry=Expiry(at=_expires(call, options), forever="PERSIST" in options),
        condition=condition,
        vector=options.get("VECTOR"),
    )


def _meta(given: str | None, settings: Settings) -> str:
    """META in its shortest JSON; empty where none was given."""
    if given is None:
        return ""
    if len(given.encode()) > settings.max_answer_bytes:
        raise CommandError(f"META is too long: at most {settings.max_answer_bytes} bytes")
    return canonical_object(given, name="META")


def _expires(call: Call, options: dict[str, Any]) -> int:
    """Milliseconds since the epoch at which the entry ends, 0 where no option says so."""
    for name, unit, start in (("EX", 1000, call.now), ("PX", 1, call.now), ("EXAT", 1000, 0), ("PXAT", 1, 0)):
        if name in options:
            expires: int = start + options[name] * unit
            if options[name] <= 0 or expires > MAX_TIME:
                raise CommandError(f"invalid expire time in '{call.command.name}' command")
            return expires
    return 0


def _first_id(outcomes: list[Outcome]) -> object:
    return outcomes[0].id


def _ids(outcomes: list[Outcome]) -> object:
    return None if _stored(outcomes) is None else [outcome.id for outcome in outcomes]


def _stored(outcomes: list[Outcome]) -> object:
    return None if any(outcome.id is None for outcome in outcomes) else OK


def _finish_one(call: Call, *, detail: bool) -> Callable[[list[Verdict]], object]:
    form = _reply_form(call, detail=detail)
    return lambda verdicts: form(verdicts[0])


def _reply_form(call: Call, *, detail: bool) -> Callable[[Verdict], object]:
    return (lambda verdict: _details(verdict, call.now)) if detail else _plain


def _plain(verdict: Verdict) -> object:
    return None if verdict.answer is None else Raw(verdict.answer.reply)


def _details(verdict: Verdict, now: int) -> dict[str, object]:
    """The map of WITHMETA: every key always there, nil where it does not apply."""
    entry, answer = verdict.entry, verdict.answer
    return {
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "tier": verdict.tier,
        "answer": Raw(answer.reply) if answer else None,
        "id": verdict.candidate,
        "score": verdict.score,
        "threshold": verdict.threshold,
        "hit-query": entry.query if entry else None,
        "meta": entry.meta or None if entry else None,
        "ttl": None if entry is None else (entry.expires - now + 999) // 1000 if entry.expires else -1,
        "age": (now - entry.created) // 1000 if entry else None,
        "hits": answer.stored_hits + answer.hits if answer else None,
    }
