"""Commands on models: making, listing, describing, configuring and dropping them, and using their embedder directly."""

from collections.abc import Sequence

from mcserver.cache.admin import ModelReport
from mcserver.commands.semantic import model_name
from mcserver.context import Call, Result
from mcserver.settings import SettingError, check_model_setting, describe_model
from mcserver.table import Family
from protocol.arguments import Options, text
from protocol.errors import SYNTAX_ERROR, CommandError
from protocol.reply import OK
from storage.records import Configure, DropModel

__all__ = ["family"]

family = Family("semantic")

MAX_TEXTS = 1000
PERCENTILES = (0.5, 0.95, 0.99)

_MODELS = Options(MATCH=text())


@family.command("MC.MODELS", "[MATCH pattern]", summary="Lists the models.", flags="readonly", complexity="O(N) with N models")
def models(call: Call) -> object:
    """Reply: an array of names, in order."""
    pattern = call.arguments.options(_MODELS).get("MATCH", "*")
    return sorted(call.cache.models.names(pattern, user=call.client.user))


@family.command("MC.INFO", "model", summary="Describes a model: contents, hits, misses, latency, embedder.", flags="readonly")
async def info(call: Call) -> object:
    """Reply: a map."""
    model = model_name(call)
    call.arguments.done()
    return _report(await call.cache.admin.report(model, now=call.now, within=call.within))


@family.command(
    "MC.CREATE",
    "model [setting value ...]",
    summary="Makes an empty model with settings of its own.",
    flags="write",
    key="OW insert",
    deferred=True,
)
def create(call: Call) -> Result:
    """Reply: OK; an error if the model exists."""
    model = model_name(call)
    settings = _pairs(call)
    return call.cache.admin.create(model, settings, now=call.now, finish=lambda _: OK)


@family.command("MC.DROP", "model", summary="Removes a model with its entries and settings.", flags="write", key="RM delete", deferred=True)
def drop(call: Call) -> Result:
    """Reply: OK; an error if there is no such model."""
    model = model_name(call)
    call.arguments.done()
    return call.cache.admin.change(model, DropModel, now=call.now, finish=lambda _: OK)


family.container("MC.CONFIG", summary="A container for commands on the settings of a model.")


@family.command("MC.CONFIG|GET", "model pattern", summary="Shows the settings in force for a model.", flags="readonly")
def config_get(call: Call) -> object:
    """Reply: a map of names and values."""
    model = model_name(call)
    pattern = call.arguments.take("pattern", text())
    call.arguments.done()
    return describe_model(call.cache.admin.settings(model), [pattern])


@family.command(
    "MC.CONFIG|SET", "model name value [name value ...]", summary="Gives a model settings of its own.", flags="write", deferred=True
)
def config_set(call: Call) -> Result:
    """Reply: OK; all of them take effect, or none."""
    model = model_name(call)
    settings = _pairs(call)
    return call.cache.admin.change(model, lambda model_id: Configure(model_id, settings), now=call.now, finish=lambda _: OK)


@family.command("MC.CONFIG|RESET", "model name", summary="Takes a setting of a model back to the server's.", flags="write", deferred=True)
def config_reset(call: Call) -> Result:
    """Reply: OK."""
    model = model_name(call)
    name = call.arguments.take("name", text()).lower()
    call.arguments.done()
    known = describe_model(call.cache.admin.settings(model), ["*"])
    if name not in known:
        raise SettingError(f"unknown setting '{name}': expected one of {', '.join(known)}")
    return call.cache.admin.change(model, lambda model_id: Configure(model_id, {name: None}), now=call.now, finish=lambda _: OK)


@family.command(
    "MC.SIM",
    "model text text",
    summary="Compares two texts with the model's embedder.",
    flags="readonly",
    key="RO",
    complexity="two embeddings",
)
async def similarity(call: Call) -> object:
    """Reply: the cosine similarity, a double."""
    model = model_name(call)
    first, second = (call.arguments.take("text", text(limit=call.context.settings.max_query_bytes)) for _ in range(2))
    call.arguments.done()
    return await call.cache.admin.similarity(model, first, second)


@family.command(
    "MC.EMBED",
    "model text [text ...]",
    summary="Embeds texts with the model's embedder.",
    flags="readonly",
    key="RO",
    complexity="N embeddings",
)
async def embed(call: Call) -> object:
    """Reply: an array of vectors, float32 little-endian."""
    model = model_name(call)
    texts = call.arguments.rest("text", text(limit=call.context.settings.max_query_bytes))
    if len(texts) > MAX_TEXTS:
        raise CommandError(f"too many texts: {len(texts)}, at most {MAX_TEXTS}")
    return await call.cache.admin.embed(model, texts)


@family.command("MC.HELP", "", summary="Lists the commands of the semantic cache.", flags="fast loading stale")
def show_help(call: Call) -> object:
    """Reply: lines, as every HELP of Redis."""
    lines = ["The semantic cache answers these commands:"]
    for command in call.context.commands:
        if command.group != "semantic":
            continue
        for shown in command.subcommands.values() or [command]:
            lines += [f"{shown.name.upper().replace('|', ' ')} {shown.usage}".rstrip(), f"    {shown.summary}"]
    return lines


def _pairs(call: Call) -> dict[str, str]:
    """Settings and values to the end, each checked and each name once."""
    words = [call.arguments.take("setting", text()) for _ in range(len(call.arguments))]
    if len(words) % 2:
        raise CommandError(SYNTAX_ERROR)
    settings: dict[str, str] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        check_model_setting(name, value)
        if name.lower() in settings:
            raise CommandError(f"setting '{name}' given twice")
        settings[name.lower()] = value
    return settings


def _report(report: ModelReport) -> dict[str, object]:
    statistics = report.statistics
    lookups = statistics.exact + statistics.semantic + statistics.misses.total()
    return {
        "entries": report.usage.entries,
        "bytes": report.usage.bytes,
        "partitions": report.usage.partitions,
        "embedder": report.embedder,
        "dimension": report.dimension,
        "epoch": report.epoch,
        "sets": statistics.sets,
        "lookups": lookups,
        "hits": {"exact": statistics.exact, "semantic": statistics.semantic},
        "misses": dict(sorted(statistics.misses.items())),
        "hit-ratio": (statistics.exact + statistics.semantic) / lookups if lookups else 0.0,
        "latency-us": _percentiles(statistics.latency.percentiles(PERCENTILES)),
        "tokens-saved": statistics.tokens_saved,
        "cost-saved": statistics.cost_saved,
        "log-dropped": statistics.log_dropped,
    }


def _percentiles(values: Sequence[int]) -> dict[str, int]:
    return {f"p{share * 100:g}": value for share, value in zip(PERCENTILES, values, strict=True)}
