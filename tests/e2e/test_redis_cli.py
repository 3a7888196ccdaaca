"""redis-cli in all its modes: as a person types, as scripts call it, and as a monitor, a scanner and a loader."""

import json
import os
import re
import subprocess

import pytest

from tests.e2e.programs import line_with, need, output, run, running
from tests.e2e.terminal import Terminal


@pytest.fixture
def cli(server):
    """The words that call redis-cli, for a server with one model of two entries."""
    need("redis-cli")
    client = server.client()
    client.execute_command("MC.SET", "gpt-4", "how do I reset my password?", "Click.")
    client.execute_command("MC.SET", "gpt-4", "Where is my invoice?", "On page 2.")
    return ["redis-cli", "-p", str(server.port)]


@pytest.mark.parametrize("version", ["-2", "-3"])
def test_commands(cli, version):
    assert output(*cli, version, "MC.GET", "gpt-4", "How can I reset my password?") == "Click.\n"
    assert output(*cli, version, "-n", 0, "DBSIZE") == "1\n"
    assert output(*cli, version, "-c", "MC.GET", "gpt-4", "Where is my invoice?") == "On page 2.\n"
    assert "redis_version:" in output(*cli, version, "INFO", "server")
    assert output(*cli, version, "--no-raw", "MC.GET", "gpt-4", "What is the capital of France?") == "(nil)\n"


def test_output_formats(cli):
    entry = output(*cli, "MC.SCAN", "gpt-4", 0).split()[1]
    assert json.loads(output(*cli, "--json", "MC.ENTRY", "gpt-4", entry))["model"] == "gpt-4"
    assert json.loads(output(*cli, "--json", "MC.GET", "gpt-4", "Where is my invoice?", "WITHMETA"))["reason"] == "exact"
    assert output(*cli, "--csv", "MC.MGET", "gpt-4", 2, "Where is my invoice?", "nothing") == '"On page 2.",NULL\n'
    assert output(*cli, "-3", "--no-raw", "MC.GET", "gpt-4", "Where is my invoice?", "WITHMETA").startswith(' 1# "verdict" => "hit"\n')


def test_last_argument_from_standard_input(cli):
    answer = "A long answer\nin two lines."
    assert run(*cli, "-x", "MC.SET", "gpt-4", "Why?", input=answer).stdout == "OK\n"
    assert output(*cli, "MC.GET", "gpt-4", "Why?") == answer + "\n"
    asked = run(*cli, "-X", "question", "MC.GET", "gpt-4", "question", input="Why?")
    assert asked.stdout == answer + "\n"


def test_repeats(cli):
    assert output(*cli, "-r", 3, "-i", 0.001, "MC.GET", "gpt-4", "Where is my invoice?") == "On page 2.\n" * 3


def test_errors_become_exit_codes(cli):
    failed = run(*cli, "-e", "MC.GET", "gpt-4")
    assert failed.returncode == 1
    assert failed.stderr == "ERR wrong number of arguments for 'mc.get' command\n"


def test_many_commands_from_standard_input(cli):
    typed = 'MC.GET gpt-4 "Where is my invoice?"\nPING\nMULTI\nMC.GET gpt-4 "Where is my invoice?"\nEXEC\n'
    assert run(*cli, input=typed).stdout.split("\n") == ["On page 2.", "PONG", "OK", "QUEUED", "On page 2.", ""]


def test_user_and_password(cli, server):
    server.client().execute_command("ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all")
    try:
        assert output(*cli, "--user", "app", "--pass", "secret", "--no-auth-warning", "ACL", "WHOAMI") == "app\n"
        assert output("redis-cli", "-u", f"redis://app:secret@127.0.0.1:{server.port}/0", "ACL", "WHOAMI") == "app\n"
        assert "WRONGPASS" in run(*cli, "--user", "app", "--pass", "wrong", "PING").stderr
        asked = run(*cli, "--askpass", "--user", "app", "ACL", "WHOAMI", input="secret\n")
        assert asked.stdout.endswith("app\n")
    finally:
        server.client().execute_command("ACL", "DELUSER", "app")


def test_stat(cli):
    with Terminal(*cli, "--stat", "-i", "0.05") as stat:
        shown = stat.wait_for("(+1)").splitlines()
    assert shown[1].split() == ["keys", "mem", "clients", "blocked", "requests", "connections"]
    keys, memory, clients, blocked, requests, new, connections = shown[2].split()
    assert keys == "1"
    assert memory[-1] in "MG"
    assert int(clients) >= 1
    assert blocked == "0"
    assert int(requests) >= 3
    assert new == "(+0)"
    assert int(connections) >= 1
    assert int(shown[3].split()[4]) == int(requests) + 1


def test_latency(cli):
    shortest, longest, mean, samples = output(*cli, "--raw", "-i", "0.05", "--latency").split()
    assert 0 <= float(shortest) <= float(mean) <= float(longest)
    assert int(samples) >= 1


def test_latency_in_a_terminal(cli):
    with Terminal(*cli, "-i", "0.05", "--latency-history") as history:
        assert "min: " in history.wait_for("seconds range")
    with Terminal(*cli, "-i", "0.05", "--latency-dist") as distribution:
        assert "milliseconds" in distribution.wait_for("\n.")


def test_scan(cli, server):
    for number in range(30):
        server.client().execute_command("MC.SET", f"model-{number}", "question", "answer")
    assert sorted(output(*cli, "--scan").split()) == sorted(["gpt-4", *(f"model-{number}" for number in range(30))])
    assert sorted(output(*cli, "--scan", "--pattern", "model-2?").split()) == [f"model-2{digit}" for digit in range(10)]


def test_big_keys(cli):
    report = output(*cli, "--bigkeys")
    assert "Sampled 1 keys in the keyspace!" in report
    assert "1 modelcaches with" in report


def test_memory_of_keys(cli, server):
    [found] = re.findall(r"Biggest modelcache found '\"gpt-4\"' has (\d+) bytes", output(*cli, "--memkeys"))
    assert int(found) == server.client().memory_usage("gpt-4")


def test_hot_keys_wants_a_policy_that_counts(cli):
    assert "An LFU maxmemory policy is not selected" in run(*cli, "--hotkeys").stderr


def test_pipe(cli):
    words = [b"MC.SET", b"bulk", b"question", b"answer"]
    raw = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
    loaded = subprocess.run([*cli, "--pipe"], input=raw * 20, capture_output=True, timeout=120, check=False)
    assert b"errors: 0, replies: 20" in loaded.stdout, loaded.stdout + loaded.stderr


def test_pipe_counts_errors(cli):
    loaded = run(*cli, "--pipe", input="PING\r\nMC.GET gpt-4\r\nPING\r\n")
    assert "errors: 1, replies: 3" in loaded.stdout
    assert loaded.returncode == 1


def test_monitor(cli, server):
    with running(*cli, "MONITOR") as monitor:
        assert line_with(monitor, "OK") == "OK"
        server.client().execute_command("MC.GET", "gpt-4", 'Say "hi"\n')
        assert line_with(monitor, "MC.GET").endswith(r'"MC.GET" "gpt-4" "Say \"hi\"\n"')


@pytest.mark.parametrize("version", ["-2", "-3"])
def test_subscribe(cli, server, version):
    with running("stdbuf", "-oL", *cli, version, "SUBSCRIBE", "news") as subscriber:
        line_with(subscriber, "news")
        assert server.client().publish("news", "hello") == 1
        assert line_with(subscriber, "hello") == "hello"


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (["--eval", os.devnull], "ERR unknown command 'EVAL'"),
        (["--rdb", "dump"], "ERR unknown command 'SYNC'"),
        (["--functions-rdb", "dump"], "ERR unknown command 'REPLCONF'"),
        (["--replica"], "ERR unknown command 'SYNC'"),
    ],
)
def test_what_there_is_not_is_refused(cli, tmp_path, mode, reason):
    """Scripts and replication: an error with the reason, no hang."""
    refused = run(*cli, *mode, cwd=tmp_path)
    assert reason in refused.stdout + refused.stderr


def test_cluster_check_says_that_this_is_no_cluster(cli, server):
    checked = run("redis-cli", "--cluster", "check", f"127.0.0.1:{server.port}")
    assert "is not configured as a cluster node" in checked.stdout + checked.stderr
    assert checked.returncode == 1


def test_hints_and_completion_in_a_terminal(cli, server):
    prompt = f"127.0.0.1:{server.port}> "
    with Terminal(*cli) as terminal:
        terminal.wait_for(prompt)
        terminal.press("MC.GET ")
        terminal.wait_for("MC.GET model query [SYSTEM text]")
        terminal.press('gpt-4 "Where is my invoice?"\r')
        terminal.wait_for(f'"On page 2."\n{prompt}')
        terminal.press("mc.trunc\t")
        terminal.wait_for("MC.TRUNCATE model [SYSTEM text]")
        terminal.press("\x15help MC.TTL\r")
        assert "seconds an entry has left" in terminal.wait_for(f"group: semantic\n\n{prompt}")
        terminal.press("help @semantic\r")
        assert "MC.TRUNCATE model" in terminal.wait_for(f"\n\n{prompt}")
        terminal.press("quit\r")
        assert terminal.process.wait(60) == 0


def test_transaction_and_subscription_in_a_terminal(cli, server):
    prompt = f"127.0.0.1:{server.port}> "
    with Terminal(*cli, "-3") as terminal:
        terminal.wait_for(prompt)
        terminal.press("MULTI\r")
        terminal.wait_for("(TX)> ")
        terminal.press("DISCARD\r")
        terminal.wait_for(f"OK\n{prompt}")
        terminal.press("SUBSCRIBE news\r")
        terminal.wait_for('2) "news"')
        assert server.client().publish("news", "hello") == 1
        terminal.wait_for('"hello"')
