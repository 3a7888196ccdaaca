"""The sections of INFO that count, since the start or CONFIG RESETSTAT."""

from collections.abc import Mapping
from urllib.parse import quote

from mcserver import __version__
from mcserver.context import Call
from mcserver.statistics import CommandStatistics

__all__ = ["cache_statistics", "command_statistics", "error_statistics", "latency_statistics", "models", "stats"]

Fields = Mapping[str, object]

_PERCENTILES = (0.5, 0.99, 0.999)
_KB = 1024


def stats(call: Call) -> Fields:
    """Counters since the start, or CONFIG RESETSTAT."""
    counted = call.context.statistics
    found = [model.statistics for model in call.cache.models]
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
        "expired_keys": counted.expired,
        "expired_stale_perc": "0.00",
        "evicted_keys": 0,
        "evicted_clients": 0,
        "keyspace_hits": sum(model.exact + model.semantic for model in found),
        "keyspace_misses": sum(model.misses.total() for model in found),
        "pubsub_channels": 0,
        "pubsub_patterns": 0,
        "latest_fork_usec": 0,
        "tracking_total_keys": 0,
        "tracking_total_items": 0,
        "tracking_total_prefixes": 0,
        "unexpected_error_replies": 0,
        "total_error_replies": counted.errors.total(),
        "total_reads_processed": counted.reads,
        "total_writes_processed": counted.writes,
        "client_query_buffer_limit_disconnections": counted.query_limit_disconnections,
        "client_output_buffer_limit_disconnections": counted.output_limit_disconnections,
        "acl_access_denied_auth": counted.authentication_failures,
        "acl_access_denied_cmd": 0,
        "acl_access_denied_key": 0,
        "acl_access_denied_channel": 0,
    }


def command_statistics(call: Call) -> Fields:
    """Per command, those that were called or refused."""
    return {f"cmdstat_{name}": _describe(counters) for name, counters in _used(call).items()}


def error_statistics(call: Call) -> Fields:
    """Error replies by their first word."""
    return {f"errorstat_{code}": f"count={count}" for code, count in sorted(call.context.statistics.errors.items())}


def latency_statistics(call: Call) -> Fields:
    """Percentiles of the time per command."""
    return {f"latency_percentiles_usec_{name}": _percentiles(counters) for name, counters in _used(call).items() if counters.calls}


def cache_statistics(call: Call) -> Fields:
    """The semantic cache: all models together."""
    cache = call.cache
    found = [model.statistics for model in cache.models]
    reasons = sorted({reason for one in found for reason in one.misses})
    return {
        "mc_version": __version__,
        "mc_embedder": cache.embedder.name,
        "mc_dimension": cache.embedder.dimension,
        "mc_models_count": len(found),
        "mc_sets": sum(one.sets for one in found),
        "mc_hits_exact": sum(one.exact for one in found),
        "mc_hits_semantic": sum(one.semantic for one in found),
        "mc_misses": sum(one.misses.total() for one in found),
        **{f"mc_misses_{reason}": sum(one.misses[reason] for one in found) for reason in reasons},
        "mc_tokens_saved": sum(one.tokens_saved for one in found),
        "mc_cost_saved": f"{sum(one.cost_saved for one in found):.6f}",
        "mc_exact_answers": len(cache.exact),
        "mc_exact_bytes": cache.exact.bytes,
        "mc_exact_evicted": cache.exact.evicted,
        "mc_touches_dropped": call.context.statistics.touches_dropped,
    }


def models(call: Call) -> Fields:
    """Counters per model; from memory, so that INFO answers whatever the store does. Names are written as in a URL."""
    return {
        f"mc_model_{quote(model.name, safe='')}": (
            f"sets={model.statistics.sets},hits_exact={model.statistics.exact},hits_semantic={model.statistics.semantic},"
            f"misses={model.statistics.misses.total()},tokens_saved={model.statistics.tokens_saved}"
        )
        for model in sorted(call.cache.models, key=lambda model: model.name)
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


def _percentiles(counters: CommandStatistics) -> str:
    values = counters.latency.percentiles(_PERCENTILES)
    return ",".join(f"p{share * 100:g}={value}" for share, value in zip(_PERCENTILES, values, strict=True))
