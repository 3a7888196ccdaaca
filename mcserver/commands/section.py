"""The sections of INFO that say how things are. Names are those that exporters and clients of Redis read; a field of something that does
not exist here is 0, or what Redis says where it is switched off."""

import os
import platform
import resource
import selectors
import sys
from collections.abc import Mapping

from mcserver import __version__
from mcserver.context import Call
from mcserver.process import peak_bytes, processor_time, resident_bytes, system_bytes
from mcserver.settings import Settings
from mcserver.version import REDIS_VERSION, module_version

__all__ = [
    "clients",
    "cluster",
    "keyspace",
    "memory",
    "modules",
    "persistence",
    "processor",
    "replication",
    "server",
]

Fields = Mapping[str, object]

_NO_ID = "0" * 40
_LRU_CLOCK_BITS = 24
_KB = 1024
_UNITS = "KMGT"
_STAT_WORDS = "used_memory connected_clients blocked_clients bgsave_in_progress aof_rewrite_in_progress loading cluster_enabled".split()
"""Names that redis-cli --stat looks for in the whole text."""


def server(call: Call) -> Fields:
    """The process and the machine."""
    now = call.cache.clock()
    files = call.context.settings.origin.files
    uptime = max(0, int(now - call.context.started))
    return {
        "redis_version": REDIS_VERSION,
        "redis_git_sha1": "00000000",
        "redis_git_dirty": 0,
        "redis_build_id": "0",
        "redis_mode": "cluster" if call.context.settings.cluster_enabled else "standalone",
        "server_name": "mcserver",
        "mcserver_version": __version__,
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "arch_bits": sys.maxsize.bit_length() + 1,
        "multiplexing_api": selectors.DefaultSelector.__name__.removesuffix("Selector").lower(),
        "process_id": os.getpid(),
        "process_supervised": "no",
        "run_id": call.context.run_id,
        "tcp_port": call.context.port,
        "server_time_usec": int(now * 1_000_000),
        "uptime_in_seconds": uptime,
        "uptime_in_days": uptime // 86400,
        "hz": 10,
        "configured_hz": 10,
        "lru_clock": int(now) % (1 << _LRU_CLOCK_BITS),
        "executable": _path(sys.argv[0]),
        "config_file": _path(str(files[-1])) if files else "",
        "io_threads_active": 0,
        **_listeners(call.context.settings),
    }


def clients(call: Call) -> Fields:
    """The connections."""
    connected = call.context.clients.values()
    buffers = [client.link.buffers() for client in call.context.holding.values()]
    return {
        "connected_clients": len(connected),
        "cluster_connections": 0,
        "maxclients": call.context.settings.maxclients,
        "client_recent_max_input_buffer": max((held.received for held in buffers), default=0),
        "client_recent_max_output_buffer": max((held.unread for held in buffers), default=0),
        "blocked_clients": sum(client.held for client in connected),
        "tracking_clients": len(call.context.tracking),
        "pubsub_clients": sum(client.subscribed for client in connected),
        "watching_clients": sum(bool(client.watched) for client in connected),
        "clients_in_timeout_table": 0,
        "total_watched_keys": len({name for client in connected for name in client.watched if call.client.user.sees(name)}),
        "total_blocking_keys": 0,
    }


def memory(call: Call) -> Fields:
    """What is used is what the process has in RAM: model, index and libraries too, which no allocator of ours could count."""
    used, peak, start = resident_bytes(), peak_bytes(), call.context.memory_at_start
    peak = max(peak, used)  # the system updates the peak a little later
    _, answers = call.answers_seen()
    unread = sum(sum(client.link.buffers()) for client in call.context.holding.values())
    total = system_bytes()
    return {
        "used_memory": used,
        "used_memory_human": _human(used),
        "used_memory_rss": used,
        "used_memory_rss_human": _human(used),
        "used_memory_peak": peak,
        "used_memory_peak_human": _human(peak),
        "used_memory_peak_perc": _percent(used, peak),
        "used_memory_overhead": used - answers,
        "used_memory_startup": start,
        "used_memory_dataset": answers,
        "used_memory_dataset_perc": _percent(answers, used - start),
        "allocator_allocated": used,
        "allocator_active": used,
        "allocator_resident": used,
        "total_system_memory": total,
        "total_system_memory_human": _human(total),
        "used_memory_lua": 0,
        "used_memory_lua_human": "0B",
        "used_memory_scripts": 0,
        "used_memory_scripts_human": "0B",
        "number_of_cached_scripts": 0,
        "maxmemory": 0,
        "maxmemory_human": "0B",
        "maxmemory_policy": "noeviction",
        "allocator_frag_ratio": "1.00",
        "allocator_frag_bytes": 0,
        "allocator_rss_ratio": "1.00",
        "allocator_rss_bytes": 0,
        "mem_fragmentation_ratio": "1.00",
        "mem_fragmentation_bytes": 0,
        "mem_not_counted_for_evict": 0,
        "mem_clients_slaves": 0,
        "mem_clients_normal": unread,
        "mem_allocator": "libc",
        "active_defrag_running": 0,
        "lazyfree_pending_objects": 0,
    }


def persistence(call: Call) -> Fields:
    """Every write is kept before it is answered: as a server with an append-only file, that has nothing left to save."""
    saving = call.context.saving
    return {
        "loading": int(call.context.loading),
        "async_loading": 0,
        "rdb_changes_since_last_save": 0,
        "rdb_bgsave_in_progress": int(saving.running >= 0),
        "rdb_last_save_time": int(saving.last),
        "rdb_last_bgsave_status": "err" if saving.failed else "ok",
        "rdb_last_bgsave_time_sec": saving.seconds,
        "rdb_current_bgsave_time_sec": saving.running,
        "rdb_saves": saving.count,
        "aof_enabled": 1,
        "aof_rewrite_in_progress": 0,
        "aof_rewrite_scheduled": 0,
        "aof_last_rewrite_time_sec": -1,
        "aof_current_rewrite_time_sec": -1,
        "aof_last_bgrewrite_status": "ok",
        "aof_last_write_status": "err" if call.cache.write_failed else "ok",
    }


def replication(call: Call) -> Fields:
    """A server on its own."""
    return {
        "role": "master",
        "connected_slaves": 0,
        "master_failover_state": "no-failover",
        "master_replid": call.context.replication_id,
        "master_replid2": _NO_ID,
        "master_repl_offset": 0,
        "second_repl_offset": -1,
        "repl_backlog_active": 0,
        "repl_backlog_size": 0,
        "repl_backlog_first_byte_offset": 0,
        "repl_backlog_histlen": 0,
    }


def processor(call: Call) -> Fields:
    """Seconds of processor time."""
    own, children = processor_time(), processor_time(resource.RUSAGE_CHILDREN)
    fields = {
        "used_cpu_sys": own.system,
        "used_cpu_user": own.user,
        "used_cpu_sys_children": children.system,
        "used_cpu_user_children": children.user,
    }
    if hasattr(resource, "RUSAGE_THREAD"):  # Linux
        main = processor_time(resource.RUSAGE_THREAD)
        fields |= {"used_cpu_sys_main_thread": main.system, "used_cpu_user_main_thread": main.user}
    return {name: f"{seconds:.6f}" for name, seconds in fields.items()}


def modules(call: Call) -> Fields:
    """The semantic cache, as Redis would list it were it a module."""
    return {"module": f"name=mc,ver={module_version()},api=1,filters=0,usedby=[],using=[],options=[]"}


def cluster(call: Call) -> Fields:
    """There is none, or one of this node alone."""
    return {"cluster_enabled": int(call.context.settings.cluster_enabled)}


def keyspace(call: Call) -> Fields:
    """A model is a key; those that the user may reach. No line where there is none, as in Redis: tools divide by the number."""
    keys = len(call.cache.models.seen(call.client.user))
    return {"db0": f"keys={keys},expires=0,avg_ttl=0,subexpiry=0"} if keys else {}


def _path(path: str) -> str:
    """A path that redis-cli --stat cannot take for one of its fields."""
    full = os.path.realpath(path)
    return "" if any(word in full for word in _STAT_WORDS) else full


def _listeners(settings: Settings) -> dict[str, object]:
    """Where the server listens, numbered by kind as in Redis."""
    unix = [_path(settings.unixsocket)] if settings.unixsocket else []
    kinds = [("tcp", settings.bind, settings.port), ("unix", unix, 0), ("tls", settings.bind, settings.tls_port)]
    return {
        f"listener{number}": ",".join([f"name={name}", *(f"bind={place}" for place in places), *([f"port={port}"] if port else [])])
        for number, (name, places, port) in enumerate(kinds)
        if port or (name == "unix" and unix)
    }


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole if whole > 0 else 0:.2f}%"


def _human(size: int) -> str:
    """Bytes as Redis writes them for people: 512B, 1.06M."""
    if size < _KB:
        return f"{size}B"
    exponent = min((size.bit_length() - 1) // 10, len(_UNITS))
    return f"{size / _KB**exponent:.2f}{_UNITS[exponent - 1]}"
