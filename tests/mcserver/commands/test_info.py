"""INFO: sections, what stands in them, and what tools make of them."""

import os
import sys

import pytest
from redis._parsers.helpers import parse_info

from mcserver.commands import section
from mcserver.context import Buffers
from tests.mcserver.commands.wire import RUN_ID, STARTED, Wire
from tests.mcserver.parts import Parts, SilentLink

DEFAULT = "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace".split()
ALL = "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats Latencystats Cluster Keyspace".split()
OWN = ["mc_stats", "mc_models"]


async def headers(wire: Wire, words: str) -> list[str]:
    text = await wire.ask(words)
    return [line[2:] for line in text.split("\r\n") if line.startswith("# ")]


async def fields(wire: Wire, *sections: str) -> dict[str, str]:
    text = await wire.ask([b"INFO", *(one.encode() for one in sections)])
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("INFO", DEFAULT),
        ("INFO default", DEFAULT),
        ("info ALL", ALL),
        ("INFO everything", ALL + OWN),
        ("INFO modules", ["Modules", *OWN]),
        ("INFO mc", OWN),
        ("INFO MC_Stats", ["mc_stats"]),
        ("INFO module_list", ["Modules"]),
        ("INFO keyspace CPU commandstats nosuch", ["CPU", "Commandstats", "Keyspace"]),
        ("INFO default mc_models latencystats", [*DEFAULT[:9], "Latencystats", *DEFAULT[9:], "mc_models"]),
        ("INFO nosuch", []),
    ],
)
async def test_sections(words: str, expected: list[str], wire: Wire):
    assert await headers(wire, words) == expected


REDIS_FIELDS = {
    "Server": "redis_version redis_git_sha1 redis_git_dirty redis_build_id redis_mode os arch_bits multiplexing_api process_id run_id "
    "tcp_port server_time_usec uptime_in_seconds uptime_in_days hz configured_hz lru_clock executable config_file io_threads_active",
    "Clients": "connected_clients cluster_connections maxclients client_recent_max_input_buffer client_recent_max_output_buffer "
    "blocked_clients tracking_clients pubsub_clients watching_clients clients_in_timeout_table total_watched_keys total_blocking_keys",
    "Memory": "used_memory used_memory_human used_memory_rss used_memory_rss_human used_memory_peak used_memory_peak_human "
    "used_memory_peak_perc used_memory_overhead used_memory_startup used_memory_dataset used_memory_dataset_perc total_system_memory "
    "used_memory_lua used_memory_scripts number_of_cached_scripts maxmemory maxmemory_human maxmemory_policy mem_fragmentation_ratio "
    "mem_fragmentation_bytes mem_clients_normal mem_clients_slaves mem_not_counted_for_evict mem_allocator allocator_allocated "
    "allocator_active allocator_resident allocator_frag_ratio allocator_frag_bytes allocator_rss_ratio allocator_rss_bytes "
    "active_defrag_running lazyfree_pending_objects",
    "Persistence": "loading async_loading rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_save_time rdb_last_bgsave_status "
    "rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled "
    "aof_last_rewrite_time_sec aof_current_rewrite_time_sec aof_last_bgrewrite_status aof_last_write_status",
    "Stats": "total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes total_net_output_bytes "
    "instantaneous_input_kbps instantaneous_output_kbps rejected_connections sync_full sync_partial_ok sync_partial_err expired_keys "
    "expired_stale_perc evicted_keys evicted_clients keyspace_hits keyspace_misses pubsub_channels pubsub_patterns latest_fork_usec "
    "tracking_total_keys tracking_total_items tracking_total_prefixes unexpected_error_replies total_error_replies "
    "total_reads_processed total_writes_processed client_query_buffer_limit_disconnections client_output_buffer_limit_disconnections "
    "acl_access_denied_auth acl_access_denied_cmd acl_access_denied_key acl_access_denied_channel",
    "Replication": "role connected_slaves master_failover_state master_replid master_replid2 master_repl_offset second_repl_offset "
    "repl_backlog_active repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen",
    "CPU": "used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children used_cpu_sys_main_thread used_cpu_user_main_thread",
    "Modules": "module",
    "Cluster": "cluster_enabled",
}
"""What exporters, dashboards, sentinels and client libraries read."""


@pytest.mark.parametrize("name", REDIS_FIELDS)
async def test_fields_that_tools_read(name: str, wire: Wire):
    text = await wire.ask(f"INFO {name}")
    assert text.startswith(f"# {name}\r\n")
    found = [line.split(":")[0] for line in text.split("\r\n")]
    assert [field for field in REDIS_FIELDS[name].split() if field not in found] == []


async def test_layout(wire: Wire):
    text = await wire.ask("INFO everything")
    assert text.startswith("# Server\r\nredis_version:7.4.0\r\n")
    assert "\r\n\r\n# Clients\r\n" in text
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")


async def test_server_section(wire: Wire):
    wire.now += 2 * 86400 + 5
    found = await fields(wire, "server")
    assert {name: found[name] for name in ("run_id", "tcp_port", "process_id", "uptime_in_seconds", "uptime_in_days", "redis_mode")} == {
        "run_id": RUN_ID,
        "tcp_port": "6380",
        "process_id": str(os.getpid()),
        "uptime_in_seconds": str(2 * 86400 + 5),
        "uptime_in_days": "2",
        "redis_mode": "standalone",
    }
    assert found["server_time_usec"] == str(int((STARTED + 2 * 86400 + 5) * 1_000_000))
    assert (found["arch_bits"], found["multiplexing_api"]) in {("64", "epoll"), ("64", "kqueue")}


async def test_clients_section(wire: Wire):
    for held in (Buffers(3, 9), Buffers(5, 2)):
        client = wire.connect(link=SilentLink(held))
        wire.context.holding[client.id] = client
    found = await fields(wire, "clients")
    assert {name: value for name, value in found.items() if value != "0"} == {
        "connected_clients": "3",
        "maxclients": "10000",
        "client_recent_max_input_buffer": "5",
        "client_recent_max_output_buffer": "9",
    }
    memory = await fields(wire, "memory")
    assert memory["mem_clients_normal"] == "19"


async def test_memory_is_that_of_the_process(wire: Wire):
    await wire.send("MC.SET m red answer")
    await wire.send("MC.GET m red")
    found = await fields(wire, "memory")
    number = {name: int(value) for name, value in found.items() if value.isdecimal()}
    assert 10 << 20 < number["used_memory_startup"] <= number["used_memory_peak"]
    assert 10 << 20 < number["used_memory"] <= number["used_memory_peak"] < number["total_system_memory"]
    assert number["used_memory_dataset"] == wire.context.cache.exact.bytes > 0
    assert number["used_memory_overhead"] + number["used_memory_dataset"] == number["used_memory"]
    assert found["used_memory_human"].endswith(("M", "G"))


async def test_counters(wire: Wire):
    statistics = wire.context.statistics
    statistics.connections_received, statistics.commands_processed, statistics.connections_rejected = 5, 70, 2
    statistics.bytes_in, statistics.bytes_out, statistics.reads, statistics.writes = 100, 200, 7, 6
    statistics.errors["ERR"] += 3
    statistics.errors["NOAUTH"] += 1
    statistics.expired = 4
    statistics.sample(1.0)
    statistics.commands_processed += 11
    statistics.bytes_in += 1024
    statistics.sample(2.0)
    found = await fields(wire, "stats", "errorstats")
    expected = {
        "total_connections_received": "5",
        "total_commands_processed": "81",
        "instantaneous_ops_per_sec": "11",
        "instantaneous_input_kbps": "1.00",
        "instantaneous_output_kbps": "0.00",
        "total_net_input_bytes": "1124",
        "total_net_output_bytes": "200",
        "rejected_connections": "2",
        "expired_keys": "4",
        "total_error_replies": "4",
        "total_reads_processed": "7",
        "total_writes_processed": "6",
        "errorstat_ERR": "count=3",
        "errorstat_NOAUTH": "count=1",
    }
    assert {name: found[name] for name in expected} == expected


async def test_lookups_count_as_hits_and_misses_of_keys(wire: Wire):
    await wire.send("MC.SET m red answer")
    for words in ("MC.GET m red", "MC.GET m red", "MC.GET m blue"):
        await wire.send(words)
    found = await fields(wire, "stats", "mc")
    assert (found["keyspace_hits"], found["keyspace_misses"]) == ("2", "1")
    assert (found["mc_sets"], found["mc_hits_exact"], found["mc_hits_semantic"], found["mc_misses"]) == ("1", "2", "0", "1")
    assert sum(int(value) for name, value in found.items() if name.startswith("mc_misses_")) == 1
    assert found["mc_embedder"] == wire.context.cache.embedder.name
    assert found["mc_exact_answers"] == "1"


async def test_keyspace_only_where_there_are_models(wire: Wire):
    assert await wire.ask("INFO keyspace") == "# Keyspace\r\n"
    await wire.send("MC.CREATE one")
    await wire.send("MC.CREATE two")
    assert await wire.ask("INFO keyspace") == "# Keyspace\r\ndb0:keys=2,expires=0,avg_ttl=0,subexpiry=0\r\n"


async def test_models_have_a_line_each_whatever_their_names(wire: Wire):
    for name in ("gpt-4o", "a:b,c=d\r\n#", "é"):
        await wire.send([b"MC.CREATE", name.encode()])
    lines = (await wire.ask("INFO mc_models")).splitlines()
    counted = "sets=0,hits_exact=0,hits_semantic=0,misses=0,tokens_saved=0"
    assert lines == [
        "# mc_models",
        f"mc_model_a%3Ab%2Cc%3Dd%0D%0A%23:{counted}",
        f"mc_model_gpt-4o:{counted}",
        f"mc_model_%C3%A9:{counted}",
    ]


async def test_command_and_latency_statistics(wire: Wire):
    statistics = wire.context.statistics
    statistics.command("mc.get").record(900, 3)
    statistics.command("mc.get").failed = 1
    statistics.command("config|set").rejected = 2
    statistics.command("ping")
    assert await fields(wire, "commandstats") == {
        "cmdstat_config|set": "calls=0,usec=0,usec_per_call=0.00,rejected_calls=2,failed_calls=0",
        "cmdstat_mc.get": "calls=3,usec=900,usec_per_call=300.00,rejected_calls=0,failed_calls=1",
    }
    assert await fields(wire, "latencystats") == {"latency_percentiles_usec_mc.get": "p50=319.000,p99=319.000,p99.9=319.000"}


async def test_resetstat(wire: Wire):
    await wire.send("MC.SET m red answer")
    await wire.send("MC.GET m red")
    wire.context.statistics.errors["ERR"] += 1
    wire.context.statistics.connections_received = 9
    assert await wire.send("CONFIG RESETSTAT") == b"+OK\r\n"
    found = await fields(wire, "stats", "errorstats", "mc_stats")
    for name in ("total_connections_received", "keyspace_hits", "total_error_replies", "mc_sets", "mc_hits_exact"):
        assert found[name] == "0"
    assert "errorstat_ERR" not in found
    assert await wire.ask("MC.GET m red") == "answer"
    assert (await fields(wire, "stats"))["keyspace_hits"] == "1"


async def test_loading(wire: Wire):
    assert (await fields(wire, "persistence"))["loading"] == "0"
    wire.context.loading = True
    found = await fields(wire, "persistence")
    assert (found["loading"], found["async_loading"], found["aof_enabled"]) == ("1", "0", "1")


async def test_the_status_of_the_last_write(parts: Parts):
    async def status() -> bytes:
        return next(line for line in (await parts.ask("INFO", "persistence")).split(b"\r\n") if line.startswith(b"aof_last_write"))

    await parts.ask("MC.SET", "m", "a", "1")
    assert await status() == b"aof_last_write_status:ok"
    parts.store.down = True
    for words in (["MC.SET", "m", "b", "2"], ["MC.GET", "m", "a"]):
        await parts.ask(*words)
        assert await status() == b"aof_last_write_status:err"
    parts.store.down = False
    await parts.ask("MC.SET", "m", "b", "2")
    assert await status() == b"aof_last_write_status:ok"
    parts.store.commit_fails = True
    await parts.execute(["MC.SET", "m", "c", "3"])
    assert await status() == b"aof_last_write_status:err"
    await parts.execute(["MC.GET", "m", "a"])
    assert await status() == b"aof_last_write_status:err"
    parts.store.commit_fails = False
    await parts.execute(["MC.GET", "m", "a"])
    assert await status() == b"aof_last_write_status:err"
    await parts.execute(["MC.SET", "m", "c", "3"])
    assert await status() == b"aof_last_write_status:ok"


async def test_lookups_where_there_is_no_model_are_misses(wire: Wire):
    for words in ("MC.GET none q", "MC.MGET none 2 a b", "MC.CREATE m", "MC.GET m q"):
        await wire.send(words)
    found = await fields(wire, "stats", "mc")
    assert (found["keyspace_misses"], found["mc_misses"], found["mc_misses_empty"], found["mc_models_count"]) == ("4", "4", "4", "1")
    assert [name for name in found if name.startswith("mc_model_")] == ["mc_model_m"]
    await wire.send("CONFIG RESETSTAT")
    assert (await fields(wire, "stats"))["keyspace_misses"] == "0"


async def test_what_a_dropped_model_counted_stays_counted(wire: Wire):
    for words in ("MC.SET m red answer", "MC.GET m red", "MC.GET m red", "MC.GET m blue", "MC.SET n red answer", "MC.GET n red"):
        await wire.send(words)
    before = await fields(wire, "stats", "mc_stats")
    await wire.send("DEL m")
    after = await fields(wire, "stats", "mc_stats")
    for name in ("keyspace_hits", "keyspace_misses", "mc_sets", "mc_hits_exact"):
        assert after[name] == before[name] != "0"


STAT = {
    "used_memory": "Memory",
    "connected_clients": "Clients",
    "blocked_clients": "Clients",
    "total_commands_processed": "Stats",
    "total_connections_received": "Stats",
    "bgsave_in_progress": "Persistence",
    "aof_rewrite_in_progress": "Persistence",
    "loading": "Persistence",
    "cluster_enabled": "Cluster",
}


@pytest.mark.parametrize("word", STAT)
@pytest.mark.parametrize("sections", ["", "everything"])
async def test_the_first_place_of_a_word_is_the_field_that_redis_cli_means(word: str, sections: str, wire: Wire):
    await wire.send([b"MC.CREATE", word.encode()])
    text = await wire.ask(f"INFO {sections}")
    place = text.index(word)
    line = text[text.rindex("\n", 0, place) + 1 : text.index("\r", place)]
    assert line.split(":")[0] in {word, f"rdb_{word}"}
    assert text.rindex("# ", 0, place) == text.index(f"# {STAT[word]}\r\n")


def test_a_path_that_looks_like_a_field_is_not_shown():
    assert section._path("/srv/mc") == "/srv/mc"
    assert section._path("/srv/loading/mc") == ""


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1.00K"),
        (1_111_490, "1.06M"),
        (5 << 30, "5.00G"),
        (3 << 40, "3.00T"),
        (2 << 50, "2048.00T"),
    ],
)
def test_bytes_for_people(size: int, text: str):
    assert section._human(size) == text


def test_share_of_nothing():
    assert section._percent(5, 0) == "0.00%"
    assert section._percent(1, 3) == "33.33%"


async def test_without_times_of_a_thread(monkeypatch, wire: Wire):
    assert len(await fields(wire, "cpu")) == 6
    monkeypatch.delattr(section.resource, "RUSAGE_THREAD")
    assert len(await fields(wire, "cpu")) == 4


async def test_redis_py_reads_all_of_it(wire: Wire):
    await wire.send([b"MC.CREATE", b"a,b:c=d"])
    wire.context.statistics.command("mc.get").record(9)
    wire.context.statistics.errors["ERR"] += 1
    parsed = parse_info((await wire.ask("INFO everything")).encode())
    assert parsed["db0"] == {"keys": 1, "expires": 0, "avg_ttl": 0, "subexpiry": 0}
    assert parsed["mc_model_a%2Cb%3Ac%3Dd"]["sets"] == 0
    assert parsed["modules"][0]["name"] == "mc"
    assert parsed["errorstat_ERR"] == {"count": 1}
    assert parsed["executable"] == os.path.realpath(sys.argv[0])
