"""The example of every client asks twice: the model answers the first question, the cache the second, which means the same."""

import sys

import pytest

from tests.e2e.programs import EXAMPLES, need, output

FRESH = "(the model's answer to: How do I reset my password?)"

COMMANDS = {
    "redis-py": ("redis-py", [sys.executable, "ask.py"]),
    "valkey-py": ("valkey-py", [sys.executable, "ask.py"]),
    "valkey-glide-python": ("valkey-glide (Python)", [sys.executable, "ask.py"]),
    "ioredis": ("ioredis", ["node", "ask.js"]),
    "node-redis": ("node-redis", ["node", "ask.js"]),
    "valkey-glide-node": ("valkey-glide (Node)", ["node", "ask.js"]),
    "redis-rb": ("redis-rb", ["ruby", "ask.rb"]),
    "phpredis": ("phpredis", ["php", "ask.php"]),
    "predis": ("Predis", ["php", "ask.php"]),
    "redis-perl": ("Redis.pm", ["perl", "ask.pl"]),
    "redis-lua": ("redis-lua", ["lua5.1", "ask.lua"]),
    "redis-cli": ("redis-cli", ["sh", "ask.sh"]),
}


def asked_and_cached(printed: str) -> tuple[str, str]:
    """The two answers an example prints."""
    lines = [line.split(":", 1) for line in printed.splitlines()]
    assert [word.strip() for word, _ in lines[:2]] == ["asked", "cached"]
    return lines[0][1].strip(), lines[1][1].strip()


@pytest.mark.parametrize("example", COMMANDS)
def test_example(server, example):
    client, command = COMMANDS[example]
    need(client)
    assert asked_and_cached(output(*command, server.port, cwd=EXAMPLES / example)) == (FRESH, FRESH)
    [entry] = server.client().execute_command("MC.SCAN", "gpt-4", 0)[1]
    assert server.client().execute_command("MC.TTL", "gpt-4", entry) > 86_000


def test_hiredis_example(server, tmp_path):
    need("hiredis")
    program = tmp_path / "ask"
    output("cc", "-Wall", "-Wextra", "-Werror", EXAMPLES / "hiredis" / "ask.c", "-o", program, "-lhiredis")
    assert asked_and_cached(output(program, server.port)) == (FRESH, FRESH)


def test_redis_py_example_says_why(server):
    assert output(sys.executable, EXAMPLES / "redis-py" / "ask.py", server.port).splitlines()[2] == "verdict: similar"


def test_redis_py_asyncio_example(server):
    printed = output(sys.executable, EXAMPLES / "redis-py" / "ask_async.py", server.port).splitlines()
    assert [line.rpartition(" -> ")[2] for line in printed] == ["answer 0", "answer 1", "None"]


def test_every_example_is_run():
    assert {folder.name for folder in EXAMPLES.iterdir() if folder.is_dir()} == {*COMMANDS, "hiredis"}
