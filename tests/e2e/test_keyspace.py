"""The key space of a real server, as redis-cli shows it; its modes that go through all keys are in test_redis_cli."""

import os
import shutil
import subprocess

import pytest

MODELS = [f"model-{number}" for number in range(12)]

pytestmark = pytest.mark.skipif(
    shutil.which("redis-cli") is None and not os.environ.get("CI"), reason="redis-cli is not installed; under CI it must be"
)


@pytest.fixture
def cli(start):
    """Run redis-cli on a server of its own, which has the models."""
    server = start()
    with server.client() as client:
        for name in MODELS:
            client.execute_command("MC.SET", name, "how do I reset my password?", "Click.")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["redis-cli", "-p", str(server.port), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_models_are_keys(cli):
    assert [cli(*words.split()).stdout.strip() for words in ("TYPE model-1", "EXISTS model-1 nosuch", "TTL model-1", "DBSIZE")] == [
        "modelcache",
        "1",
        "-1",
        "12",
    ]
    assert cli("GET", "model-1").stdout.startswith("WRONGTYPE Operation against a key holding the wrong kind of value: 'model-1'")
    assert cli("GET", "nosuch").stdout.startswith("ERR unknown command 'GET', with args beginning with: 'nosuch'")
    assert cli("UNLINK", "model-1", "model-2", "nosuch").stdout.strip() == "2"
    assert sorted(cli("KEYS", "model-?").stdout.split()) == ["model-0", *MODELS[3:10]]
    assert cli("FLUSHALL").stdout.strip() == "OK"
    assert cli("DBSIZE").stdout.strip() == "10"
    assert cli("MC.GET", "model-3", "how do I reset my password?").stdout.strip() == ""
