"""The client libraries and tools that the tests run: which version is installed, and what to do where one is missing."""

import functools
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def _python(package: str) -> list[str]:
    return [sys.executable, "-c", f"import importlib.metadata as m; print(m.version({package!r}))"]


def _node(example: str, package: str) -> list[str]:
    return ["node", "-p", f"require('{EXAMPLES / example}/node_modules/{package}/package.json').version"]


_HIREDIS = "echo HIREDIS_MAJOR.HIREDIS_MINOR.HIREDIS_PATCH | cc -include hiredis/hiredis.h -E -P - | tail -n 1 | tr -d ' '"

# Prints the version of what the client is, the way its language finds it; fails or prints none where it is missing.
VERSIONS: dict[str, list[str]] = {
    "redis-py": _python("redis"),
    "valkey-py": _python("valkey"),
    "valkey-glide (Python)": _python("valkey-glide"),
    "ioredis": _node("ioredis", "ioredis"),
    "node-redis": _node("node-redis", "redis"),
    "valkey-glide (Node)": _node("valkey-glide-node", "@valkey/valkey-glide"),
    "redis-rb": ["ruby", "-rredis", "-e", "puts Redis::VERSION"],
    "phpredis": ["php", "-r", "echo phpversion('redis');"],
    "Predis": ["php", "-r", "require 'Predis/autoload.php'; echo Predis\\Client::VERSION;"],
    "Redis.pm": ["perl", "-MRedis", "-e", "print Redis->VERSION"],
    "redis-lua": ["lua5.1", "-e", "print(require('redis')._VERSION)"],
    "hiredis": ["sh", "-c", _HIREDIS],
    "redis-cli": ["redis-cli", "--version"],
    "redis-benchmark": ["redis-benchmark", "--version"],
    "redis-sentinel": ["redis-server", "--version"],
    "redis_exporter": ["prometheus-redis-exporter", "--version"],
    "HAProxy": ["haproxy", "-v"],
    "twemproxy": ["nutcracker", "--version"],
}


@functools.cache
def installed(client: str) -> str | None:
    """The version of a client of VERSIONS, digits and dots only, or None where it is missing."""
    command = VERSIONS[client]
    if shutil.which(command[0]) is None:
        return None
    printed = run(*command)
    version = re.search(r"(?<![\d.])\d+(\.\d+)+", printed.stdout + printed.stderr)
    return version[0] if printed.returncode == 0 and version else None


def need(client: str) -> None:
    """Skip the test where a client is missing; under CI everything must be there."""
    if installed(client) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{client} is not installed; bin/test says what installs it")


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. Text in, text out."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False, **options)


def output(*command: object, **options: object) -> str:
    """What a program that succeeds prints."""
    result = run(*command, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@contextmanager
def running(*command: object, **options: object) -> Iterator[subprocess.Popen[str]]:
    """A program that runs beside the test: its lines are read from `stdout`, errors among them. Ended with the block."""
    words = [str(word) for word in command]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def line_with(process: subprocess.Popen[str], wanted: str) -> str:
    """Read lines until one contains `wanted`, and return it."""
    seen = []
    for line in process.stdout:
        if wanted in line:
            return line.rstrip("\n")
        seen.append(line)
    raise AssertionError(f"ended without a line with {wanted!r}:\n{''.join(seen)}")


def wait_until_listening(process: subprocess.Popen[str], port: int) -> None:
    """Wait until a program takes connections at a port of its own."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise AssertionError(f"ended before it listened at {port}:\n{process.stdout.read()}")
