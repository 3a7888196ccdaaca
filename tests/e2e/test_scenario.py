"""The same scenario in every language: a password, text that is not ASCII, an error, a pipeline, a transaction, publish/subscribe.

The scripts are in `clients`; each prints the same lines."""

import pytest

from tests.e2e.programs import EXAMPLES, ROOT, need, output, running

SCRIPTS = ROOT / "tests" / "e2e" / "clients"

BEFORE = [
    "ping PONG",
    "miss nil",
    "hit 点击“忘记密码”。",
    "error ERR wrong number of arguments for 'mc.get' command",
    "pipeline OK|On page 2.|nil",
    "exec OK|On its way.",
]
AFTER = ["message news hello", "again PONG"]

SCRIPTED = {
    "redis-rb": ("ruby", "redis-rb.rb"),
    "phpredis": ("php", "phpredis.php"),
    "Predis": ("php", "predis.php"),
    "Redis.pm": ("perl", "redis-perl.pl"),
    "redis-lua": ("lua5.1", "redis-lua.lua"),
}
# With the example beside whose packages it runs.
NODE = {
    "ioredis": ("ioredis.js", "ioredis"),
    "node-redis": ("node-redis.js", "node-redis"),
    "valkey-glide (Node)": ("valkey-glide.js", "valkey-glide-node"),
}
# valkey-glide subscribes with RESP3 only.
PROTOCOLS = [("ioredis", 2), ("ioredis", 3), ("node-redis", 2), ("node-redis", 3), ("valkey-glide (Node)", 3)]


@pytest.fixture
def app(server):
    """The server, with a user who has a password."""
    admin = server.client()
    admin.execute_command("ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all")
    yield server
    admin.execute_command("ACL", "DELUSER", "app")


def play(server, *command, **options):
    """Run the script. It subscribes when its last line before is out: what it shall receive is published until someone listens."""
    publisher = server.client()
    with running(*command, **options) as process:
        lines = [process.stdout.readline().rstrip("\n") for _ in BEFORE]
        if lines != BEFORE:
            process.kill()
        assert lines == BEFORE, process.stdout.read()
        while process.poll() is None and not publisher.publish("news", "hello"):
            pass
        assert process.stdout.read().splitlines() == AFTER
        assert process.wait() == 0


@pytest.mark.parametrize("client", SCRIPTED)
def test_scripted(app, client):
    need(client)
    interpreter, script = SCRIPTED[client]
    play(app, interpreter, SCRIPTS / script, app.port)


@pytest.mark.parametrize(("client", "protocol"), PROTOCOLS)
def test_node(app, client, protocol):
    need(client)
    script, example = NODE[client]
    play(app, "node", "--input-type=module", "-e", (SCRIPTS / script).read_text(), app.port, protocol, cwd=EXAMPLES / example)


def test_hiredis(app, tmp_path):
    need("hiredis")
    program = tmp_path / "scenario"
    output("cc", "-Wall", "-Wextra", "-Werror", SCRIPTS / "hiredis.c", "-o", program, "-lhiredis")
    play(app, program, app.port)
