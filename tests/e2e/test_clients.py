"""Client libraries and Redis' own tools, for real: they connect with their defaults and their examples do what they say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def needs(program):
    """Skip where a program is missing; under CI everything must be there."""
    missing = shutil.which(program) is None
    return pytest.mark.skipif(missing and not os.environ.get("CI"), reason=f"{program} is not installed")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False, **options)


def output(*command, **options):
    result = run(*command, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def node(example, port):
    folder = EXAMPLES / example
    if not (folder / "node_modules").exists() and not os.environ.get("CI"):
        pytest.skip(f"run npm ci in {folder} first, as bin/test does")
    return output("node", folder / "ask.js", port)


def test_redis_py_example(server):
    printed = output(sys.executable, EXAMPLES / "redis-py" / "ask.py", server.port).splitlines()
    assert printed[0].endswith("(the model's answer to: How do I reset my password?)")
    assert printed[1].endswith("(the model's answer to: How do I reset my password?)")
    assert printed[2] == "verdict: similar"


def test_redis_py_asyncio_example(server):
    printed = output(sys.executable, EXAMPLES / "redis-py" / "ask_async.py", server.port).splitlines()
    assert [line.rpartition(" -> ")[2] for line in printed] == ["answer 0", "answer 1", "None"]


@needs("node")
@pytest.mark.parametrize("example", ["ioredis", "node-redis"])
def test_node_examples(server, example):
    printed = node(example, server.port).splitlines()
    assert printed[0] == "asked : (the model's answer to: How do I reset my password?)"
    assert printed[1] == "cached: (the model's answer to: How do I reset my password?)"


@needs("redis-cli")
@pytest.mark.parametrize("version", ["-2", "-3"])
def test_redis_cli(server, version):
    cli = ["redis-cli", version, "-p", server.port]
    assert output(*cli, "MC.SET", "gpt-4", "how do I reset my password?", "Click.").strip() == "OK"
    assert output(*cli, "MC.GET", "gpt-4", "How can I reset my password?").strip() == "Click."
    assert int(output(*cli, "DBSIZE")) == len(output(*cli, "MC.MODELS").split())
    assert "redis_version:" in output(*cli, "INFO", "server")


@needs("redis-cli")
def test_redis_cli_pipe_mode(server):
    words = [b"MC.SET", b"bulk", b"question", b"answer"]
    raw = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
    result = subprocess.run(["redis-cli", "-p", str(server.port), "--pipe"], input=raw * 20, capture_output=True, timeout=120, check=False)
    assert b"errors: 0, replies: 20" in result.stdout, result.stdout + result.stderr


@needs("redis-benchmark")
@pytest.mark.parametrize("pipeline", [1, 16])
def test_redis_benchmark(server, pipeline):
    server.client().execute_command("MC.SET", "bench", "question", "answer")
    arguments = ["-p", server.port, "-c", 10, "-n", 2000, "-P", pipeline, "--csv", "MC.GET", "bench", "question"]
    printed = output("redis-benchmark", *arguments)
    assert "MC.GET bench question" in printed
    assert "Error" not in printed
