"""The sections of INFO that count, since the start or CONFIG RESETSTAT."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from mcserver import __version__
from mcserver.context import Call
from mcserver.settings import format_percentile
from mcserver.telemetry.statistics import CommandStatistics, Latency

__all__ = ["cache_statistics", "command_statistics", "error_statistics", "latency_statistics", "models", "stats"]

Fields = Mapping[str, object]

_KB = 1024


def stats(call: Call) -> Fields:
    """Counters since the start, or CONFIG RESETSTAT."""
    counted, whole = call.context.statistics, call.client.user.sees_all
    found = call.cache.models.statistics_seen(call.client.user)
    return {
        "total_connections_received": counted.connections_received,
        "total_commands_processed": counted.commands_processed,
        "instantaneous_ops_per_sec": round(counted.rates.commands),
        "total_net_input_bytes": counted.bytes_in,
        "total_net_output_bytes": counted.bytes_out,
        "instantaneous_input_kbps": f"{counted.rates.bytes_in / _KB:.2f}",
        "instantaneous_output_kbps": f"{counted.rates.bytes_out / _KB:.2f}",
        "rejected_connections": counted.connections_rejected,
        "sync_full": 0,
        "sync_partial_ok": 0,
        "sync_partial_err": 0,
        **({"expired_keys": counted.expired} if whole else {}),
        "expired_stale_perc": "0.00",
        "evicted_keys": 0,
        "evicted_clients": counted.evicted_clients,
        "keyspace_hits": sum(model.exact + model.semantic for model in found),
        "keyspace_misses": sum(model.misses.total() for model in found),
        "pubsub_channels": len(call.context.channels.channels),
        "pubsub_patterns": len(call.context.channels.patterns),
        "pubsubshard_channels": len(call.context.channels.shard_channels),
        "latest_fork_usec": 0,
        "tracking_total_keys": len(call.context.tracking.readers),
        "tracking_total_items": call.context.tracking.readers.items,
        "tracking_total_prefixes": len(call.context.tracking.prefixes),
        "unexpected_error_replies": 0,
        "total_error_replies": counted.errors.total(),
        "total_reads_processed": counted.reads,
        "total_writes_processed": counted.writes,
        "client_query_buffer_limit_disconnections": counted.query_limit_disconnections,
        "client_output_buffer_limit_disconnections": counted.output_limit_disconnections,
        "acl_access_denied_auth": counted.denials["auth"],
        "acl_access_denied_cmd": counted.denials["command"],
        "acl_access_denied_key": counted.denials["key"],
        "acl_access_denied_channel": counted.denials["channel"],
    }


def command_statistics(call: Call) -> Fields:
    """Per command, those that were called or refused."""
    return {f"cmdstat_{name}": _describe(counters) for name, counters in _used(call).items()}


def error_statistics(call: Call) -> Fields:
    """Error replies by their first word."""
    return {f"errorstat_{code}": f"count={count}" for code, count in sorted(call.context.statistics.errors.items())}


def latency_statistics(call: Call) -> Fields:
    """Percentiles of the time per command, in microseconds; nothing while latency-tracking is off."""
    settings = call.context.settings
    if not settings.latency_tracking:
        return {}
    wanted = settings.latency_tracking_info_percentiles
    tracked = {name: counters.latency for name, counters in _used(call).items() if counters.latency.total}
    return {f"latency_percentiles_usec_{name}": _percentiles(latency, wanted) for name, latency in tracked.items()}


def cache_statistics(call: Call) -> Fields:
    """The semantic cache: all models together that the user may reach."""
    cache, user = call.cache, call.client.user
    answers, held = call.answers_seen()
    found = cache.models.statistics_seen(user)
    reasons = sorted({reason for one in found for reason in one.misses})
    return {
        "mc_version": __version__,
        "mc_embedder": cache.embedder.name,
        "mc_dimension": cache.embedder.dimension,
        "mc_models_count": len(cache.models.seen(user)),
        "mc_sets": sum(one.sets for one in found),
        "mc_hits_exact": sum(one.exact for one in found),
        "mc_hits_semantic": sum(one.semantic for one in found),
        "mc_misses": sum(one.misses.total() for one in found),
        **{f"mc_misses_{reason}": sum(one.misses[reason] for one in found) for reason in reasons},
        "mc_tokens_saved": sum(one.tokens_saved for one in found),
        "mc_cost_saved": f"{sum(one.cost_saved for one in found):.6f}",
        "mc_log_dropped": sum(one.log_dropped for one in found),
        "mc_exact_answers": answers,
        "mc_exact_bytes": held,
        **(_of_all_models(call) if user.sees_all else {}),
    }


def _of_all_models(call: Call) -> Fields:
    """What is not counted by model, and so is not for a user that may not know of some."""
    return {"mc_exact_evicted": call.cache.exact.evicted, "mc_touches_dropped": call.context.statistics.touches_dropped}


def models(call: Call) -> Fields:
    """Counters per model that the user may reach; from memory, so that INFO answers whatever the store does. Names as in a URL."""
    return {
        f"mc_model_{quote(model.name, safe='')}": (
            f"sets={model.statistics.sets},hits_exact={model.statistics.exact},hits_semantic={model.statistics.semantic},"
            f"misses={model.statistics.misses.total()},tokens_saved={model.statistics.tokens_saved}"
        )
        for model in sorted(call.cache.models.seen(call.client.user), key=lambda model: model.name)
    }


def _used(call: Call) -> dict[str, CommandStatistics]:
    commands = call.context.statistics.commands
    return {name: counters for name, counters in sorted(commands.items()) if counters.calls or counters.rejected}


def _describe(counters: CommandStatistics) -> str:
    mean = counters.microseconds / counters.calls if counters.calls else 0.0
    return (
        f"calls={counters.calls},usec={counters.microseconds},usec_per_call={mean:.2f},"
        f"rejected_calls={counters.rejected},failed_calls={counters.failed}"
    )


def _percentiles(latency: Latency, wanted: Sequence[float]) -> str:
    values = latency.percentiles([percentile / 100 for percentile in wanted])
    return ",".join(f"p{format_percentile(percentile)}={value:.3f}" for percentile, value in zip(wanted, values, strict=True))
