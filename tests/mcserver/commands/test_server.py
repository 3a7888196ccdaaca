"""CONFIG, TIME and SHUTDOWN."""

import pytest

from tests.mcserver.commands.wire import STARTED, Wire


async def test_settings_are_shown_by_patterns(wire: Wire):
    await wire.send("HELLO 3")
    assert await wire.ask("CONFIG GET max-ta* MAXCLIENTS nosuch") == {"maxclients": "10000", "max-tags": "64", "max-tag-bytes": "128"}
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
