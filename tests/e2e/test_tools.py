"""What watches Redis servers and stands before them: redis_exporter, Redis Sentinel, HAProxy, twemproxy."""

import csv
import socket
import urllib.request

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from tests.e2e.programs import free_port, line_with, need, output, run, running, wait_until_listening

GET = ("MC.GET", "gpt-4", "Where is my invoice?")


@pytest.fixture
def cache(server):
    """The server, with one model of one entry."""
    server.client().execute_command("MC.SET", "gpt-4", "Where is my invoice?", "On page 2.")
    return server


def test_redis_exporter(cache):
    need("redis_exporter")
    client = cache.client()
    client.execute_command(*GET)
    port = free_port()
    options = ["-redis.addr", f"redis://127.0.0.1:{cache.port}", "-web.listen-address", f"127.0.0.1:{port}", "-count-keys", "gpt-*"]
    with running("prometheus-redis-exporter", *options) as exporter:
        wait_until_listening(exporter, port)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as page:
            metrics = dict(line.rsplit(" ", 1) for line in page.read().decode().splitlines() if not line.startswith("#"))
    info = client.info("everything")
    assert metrics["redis_up"] == "1"
    assert metrics['redis_exporter_last_scrape_error{err=""}'] == "0"
    assert float(metrics["redis_connected_clients"]) >= 2
    assert 0 < float(metrics["redis_commands_processed_total"]) <= info["total_commands_processed"]
    assert float(metrics["redis_connections_received_total"]) <= info["total_connections_received"]
    assert float(metrics['redis_commands_total{cmd="mc.get"}']) == info["cmdstat_mc.get"]["calls"] >= 1
    assert float(metrics['redis_commands_duration_seconds_total{cmd="mc.get"}']) > 0
    assert metrics['redis_db_keys{db="db0"}'] == "1"
    assert metrics['redis_keys_count{db="db0",key="gpt-*"}'] == "1"
    assert float(metrics["redis_keyspace_hits_total"]) == info["keyspace_hits"] >= 1
    assert float(metrics["redis_memory_used_bytes"]) > 10_000_000
    assert metrics["redis_config_maxclients"] == str(info["maxclients"])
    assert float(metrics["redis_slowlog_length"]) == client.slowlog_len()
    assert any(name.startswith("redis_instance_info{") and info["redis_version"] in name for name in metrics)


HAPROXY = """
global
    stats socket {folder}/stats
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen redis-check
    bind 127.0.0.1:{first}
    option redis-check
    server cache 127.0.0.1:{port} check inter 50ms
listen tcp-check
    bind 127.0.0.1:{second}
    option tcp-check
    tcp-check send AUTH\\ probe\\ secret\\r\\n
    tcp-check expect string +OK
    tcp-check send PING\\r\\n
    tcp-check expect string +PONG
    tcp-check send info\\ replication\\r\\n
    tcp-check expect string role:master
    tcp-check send QUIT\\r\\n
    tcp-check expect string +OK
    server cache 127.0.0.1:{port} check inter 50ms
"""


def checks(folder):
    """The state of the check of each server behind HAProxy."""
    with socket.socket(socket.AF_UNIX) as admin:
        admin.connect(str(folder / "stats"))
        admin.sendall(b"show stat\n")
        table = admin.makefile().read()
    rows = csv.DictReader(table.removeprefix("# ").splitlines())
    return {row["pxname"]: (row["status"], row["check_status"].removeprefix("* ")) for row in rows if row["svname"] == "cache"}


def test_haproxy(cache, tmp_path):
    need("HAProxy")
    cache.client().execute_command("ACL", "SETUSER", "probe", "on", ">secret", "+ping", "+info")
    first, second = free_port(), free_port()
    (tmp_path / "haproxy.cfg").write_text(HAPROXY.format(folder=tmp_path, port=cache.port, first=first, second=second))
    with running("haproxy", "-f", tmp_path / "haproxy.cfg"):
        proxied = redis.Redis(port=first, decode_responses=True, retry=Retry(ConstantBackoff(0.05), 100))
        assert proxied.execute_command(*GET) == "On page 2."
        # Before the first check has come back it is "UP 1/3".
        while any("/" in status for status, _ in checks(tmp_path).values()):
            proxied.ping()
        assert checks(tmp_path) == {"redis-check": ("UP", "L7OK"), "tcp-check": ("UP", "L7OK")}
        assert redis.Redis(port=second).execute_command(*GET) == b"On page 2."
    cache.client().execute_command("ACL", "DELUSER", "probe")


def test_sentinel(cache, tmp_path):
    """It sees a master, reads its run id, and talks to other sentinels over its channels; clients find the server by asking it."""
    need("redis-sentinel")
    port = free_port()
    (tmp_path / "sentinel.conf").write_text(f"port {port}\ndir {tmp_path}\nsentinel monitor cache 127.0.0.1 {cache.port} 1\n")
    client = cache.client(decode_responses=True)
    with (
        client.pubsub(ignore_subscribe_messages=True) as hello,
        running("redis-server", tmp_path / "sentinel.conf", "--sentinel") as process,
    ):
        line_with(process, "+monitor master cache")
        hello.subscribe("__sentinel__:hello")
        while (message := hello.get_message(timeout=60)) is None:
            pass
        sentinel = Sentinel([("127.0.0.1", port)])
        master = sentinel.discover_master("cache")
        state = sentinel.sentinels[0].sentinel_master("cache")
        assert master == ("127.0.0.1", cache.port)
        assert message["data"].split(",")[4:7] == ["cache", "127.0.0.1", str(cache.port)]
        assert state["flags"] == "master"
        assert state["runid"] == client.info("server")["run_id"]
        assert state["role-reported"] == "master"
        assert sentinel.master_for("cache").execute_command(*GET) == b"On page 2."


def test_twemproxy_passes_nothing_of_ours(cache, tmp_path):
    """Its list of commands is fixed: at any other it closes the connection. When this fails, docs/clients.md has good news to tell."""
    need("twemproxy")
    need("redis-cli")
    port = free_port()
    config = f"pool:\n  listen: 127.0.0.1:{port}\n  redis: true\n  servers:\n    - 127.0.0.1:{cache.port}:1\n"
    (tmp_path / "twemproxy.yml").write_text(config)
    with running("nutcracker", "-c", tmp_path / "twemproxy.yml", "-a", "127.0.0.1", "-s", free_port()) as process:
        wait_until_listening(process, port)
        assert output("redis-cli", "-p", port, "EXISTS", "gpt-4") == "1\n"
        assert "Server closed the connection" in run("redis-cli", "-p", port, *GET).stderr
