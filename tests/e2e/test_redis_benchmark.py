"""redis-benchmark: its own ping tests and commands of ours, with and without pipeline, user, threads and random words."""

import csv

import pytest

from tests.e2e.programs import need, run


@pytest.fixture
def benchmark(server):
    """Run redis-benchmark with these arguments; each row it prints by the name of its test. Nothing may go wrong."""
    need("redis-benchmark")
    server.client().execute_command("MC.SET", "bench", "question", "answer")

    def rows(*arguments):
        result = run("redis-benchmark", "-p", server.port, "--csv", *arguments)
        assert (result.returncode, result.stderr) == (0, "")
        return {row["test"]: row for row in csv.DictReader(result.stdout.splitlines())}

    return rows


@pytest.mark.parametrize("pipeline", [1, 16])
def test_command(benchmark, pipeline):
    rows = benchmark("-c", 10, "-n", 2000, "-P", pipeline, "MC.GET", "bench", "question")
    assert float(rows["MC.GET bench question"]["rps"]) > 0


def test_ping(benchmark):
    rows = benchmark("-t", "ping", "-c", 10, "-n", 2000)
    assert list(rows) == ["PING_INLINE", "PING_MBULK"]
    assert all(float(row["rps"]) > 0 for row in rows.values())


def test_threads_and_resp3(benchmark, server):
    before = server.client().info("stats")["total_connections_received"]
    assert benchmark("-3", "--threads", 2, "-c", 10, "-n", 2000, "MC.GET", "bench", "question")
    assert server.client().info("stats")["total_connections_received"] >= before + 10


def test_random_words(benchmark, server):
    benchmark("-c", 5, "-n", 50, "-r", 1000, "MC.SET", "bench", "question __rand_int__", "answer")
    assert int(server.client().info("commandstats")["cmdstat_mc.set"]["calls"]) >= 50
    entries = server.client().execute_command("MC.SCAN", "bench", 0, "COUNT", 1000)[1]
    assert len(entries) > 40


def test_user_and_password(benchmark, server):
    admin = server.client()
    admin.execute_command("ACL", "SETUSER", "bench", "on", ">secret", "~bench", "+mc.get", "+hello", "+config|get")
    try:
        assert benchmark("--user", "bench", "-a", "secret", "-c", 5, "-n", 500, "MC.GET", "bench", "question")
    finally:
        admin.execute_command("ACL", "DELUSER", "bench")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["MC.GET", "bench"], "ERR wrong number of arguments for 'mc.get' command"), (["-t", "set"], "ERR unknown command 'SET'")],
)
def test_a_command_that_fails_ends_it(server, arguments, reason):
    need("redis-benchmark")
    ended = run("redis-benchmark", "-p", server.port, "-n", 10, *arguments)
    assert ended.returncode == 1
    assert f"Error from server: {reason}" in ended.stdout + ended.stderr
