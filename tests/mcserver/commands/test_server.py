"""CONFIG, TIME and SHUTDOWN."""

import pytest

from mcserver.settings.origin import Origin
from tests.mcserver.commands.wire import STARTED, Redis, Wire


async def test_settings_are_shown_by_patterns(wire: Wire):
    await wire.send("HELLO 3")
    assert await wire.ask("CONFIG GET max-ta* MAXCLIENTS nosuch") == {"max-tags": "64", "max-tag-bytes": "128", "MAXCLIENTS": "10000"}
    assert len(await wire.ask("CONFIG GET *")) == len(wire.settings.describe(["*"]))
    assert await wire.send("CONFIG GET nosuch") == b"%0\r\n"


async def test_settings_change_all_or_none(wire: Wire):
    assert await wire.send("CONFIG SET timeout 7 threshold 0.5") == b"+OK\r\n"
    assert (wire.settings.timeout, wire.settings.threshold) == (7, 0.5)
    assert (await wire.send("CONFIG SET timeout 8 threshold 2")).startswith(
        b"-ERR CONFIG SET failed (possibly related to argument 'threshold') - argument must be between 0"
    )
    assert (wire.settings.timeout, wire.settings.threshold) == (7, 0.5)


async def test_tools_may_ask_for_what_is_fixed(wire: Wire):
    await wire.send("HELLO 3")
    asked = "databases save appendonly maxclients timeout tcp-keepalive client-output-buffer-limit port bind requirepass"
    assert list(await wire.ask(f"CONFIG GET {asked}")) == list(wire.settings.describe(asked.split()))
    assert len(asked.split()) == len(await wire.ask(f"CONFIG GET {asked}"))


async def test_a_password_may_be_any_bytes(wire: Wire):
    password = b"\xff\x00 x"
    assert await wire.send([b"CONFIG", b"SET", b"requirepass", password]) == b"+OK\r\n"
    client = wire.connect()
    assert (await wire.send("PING", client)).startswith(b"-NOAUTH ")
    assert await wire.send([b"AUTH", password], client) == b"+OK\r\n"
    assert await wire.send("PING", client) == b"+PONG\r\n"


async def test_time(wire: Wire):
    wire.now = STARTED + 12.345678
    assert await wire.ask("TIME") == [str(int(STARTED) + 12), "345678"]


@pytest.mark.parametrize("words", ["SHUTDOWN", "shutdown nosave", "SHUTDOWN SAVE NOW FORCE"])
async def test_shutdown_says_nothing_and_closes(words: str, wire: Wire):
    assert await wire.send(words) == b""
    assert (wire.stopped, wire.client.closing) == (1, True)


@pytest.mark.parametrize("words", ["SHUTDOWN ABORT", "SHUTDOWN x", "SHUTDOWN SAVE NOSAVE", "SHUTDOWN NOW NOW"])
async def test_a_shutdown_refused_changes_nothing(words: str, wire: Wire):
    assert (await wire.send(words)).startswith(b"-ERR ")
    assert (wire.stopped, wire.client.closing) == (0, False)


async def test_shutdown_needs_the_password(wire: Wire):
    await wire.send("CONFIG SET requirepass x")
    await wire.send("RESET")
    assert (await wire.send("SHUTDOWN")).startswith(b"-NOAUTH ")
    assert wire.stopped == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("save", ""), ("save", "3600 1 300 100"), ("appendonly", "yes"), ("tls-session-caching", "yes"), ("bind", "127.0.0.1")],
)
async def test_what_tools_set_without_effect(wire: Wire, name: str, value: str):
    assert await wire.send([b"CONFIG", b"SET", name.encode(), value.encode()]) == b"+OK\r\n"
    assert await wire.ask(f"CONFIG GET {name}") == [name, value]


async def test_what_cannot_be_is_refused(wire: Wire):
    assert (await wire.send("CONFIG SET appendonly no")).startswith(
        b"-ERR CONFIG SET failed (possibly related to argument 'appendonly') - "
    )
    assert (await wire.send("CONFIG SET databases 1")).endswith(b"can't set immutable config\r\n")


@pytest.mark.parametrize(
    "words",
    [
        "CONFIG GET",
        "CONFIG GET TIMEOUT",
        "CONFIG GET t[i]meout",
        "CONFIG GET T[!cx]meout",
        "CONFIG GET TIME[^x]UT",
        "CONFIG GET unixsocketpe??",
        "CONFIG GET po\\rt",
        "CONFIG SET timeout",
        "CONFIG SET timeout 1 nosuch 2 nosuchtoo 3",
        "CONFIG SET timeout 1 TIMEOUT 2",
        "CONFIG SET timeout 1 databases 3",
        "CONFIG SET unixsocketperm 700",
        "CONFIG SET unixsocket x",
        "CONFIG SET save x",
        "CONFIG SET save 60",
        "CONFIG SET port 65536",
        "CONFIG SET port x",
        "CONFIG SET tls-auth-clients maybe",
        "CONFIG SET tls-prefer-server-ciphers 1",
        "CONFIG REWRITE",
        "CONFIG REWRITE x",
    ],
)
async def test_as_a_real_server(wire: Wire, redis: Redis, words: str):
    assert await wire.send(words) == redis.send(words)


async def test_where_it_listens(wire: Wire):
    settings = {"unixsocket": "/run/m.sock", "tls_port": 7001, "bind": ("127.0.0.1", "-::1")}
    for name, value in settings.items():
        object.__setattr__(wire.settings, name, value)
    text = await wire.ask("INFO server")
    assert "\r\nlistener0:name=tcp,bind=127.0.0.1,bind=-::1,port=6380\r\nlistener1:name=unix,bind=/run/m.sock\r\n" in text
    assert text.endswith("\r\nlistener2:name=tls,bind=127.0.0.1,bind=-::1,port=7001\r\n")
    wire.settings.assign([("port", "0")])
    text = await wire.ask("INFO server")
    assert "listener0" not in text
    assert "\r\ntcp_port:7001\r\n" in text


class TestRewrite:
    async def test_kept(self, wire: Wire, tmp_path, monkeypatch):
        path = tmp_path / "mcserver.toml"
        path.write_text("timeout = 1 # second\n")
        wire.settings.trace(Origin(files=(path,)))
        await wire.send("CONFIG SET timeout 2")
        assert await wire.send("CONFIG REWRITE") == b"+OK\r\n"
        assert path.read_text().startswith("timeout = 2 # second\n")
        assert f"\r\nconfig_file:{path}\r\n" in await wire.ask("INFO server")

    async def test_without_a_file(self, wire: Wire):
        assert await wire.send("CONFIG REWRITE") == b"-ERR The server is running without a config file\r\n"
        assert "\r\nconfig_file:\r\n" in await wire.ask("INFO server")
