"""DEBUG: who may use it, and what its subcommands do. Their replies are compared with Redis in test_as_redis."""

import pytest

from mcserver.settings import Settings
from mcserver.usage import parse_usage
from tests.mcserver.commands.wire import Wire
from tests.mcserver.parts import Parts, Tcp, opened, until

REFUSED = (
    b'-ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, '
    b"otherwise you need to set this option in the configuration file, and then restart the server.\r\n"
)


def test_is_off_by_default():
    assert Settings().enable_debug_command == "no"
    assert parse_usage("subcommand [arg ...]")[0].name == "subcommand"


@pytest.mark.parametrize(
    ("setting", "address", "allowed"),
    [
        ("no", "127.0.0.1:5000", False),
        ("yes", "192.0.2.1:5000", True),
        ("local", "127.0.0.1:5000", True),
        ("local", "127.1.2.3:5000", True),
        ("local", "[::1]:5000", True),
        ("local", "/run/mcserver.sock:0", True),
        ("local", "192.0.2.1:5000", False),
        ("local", "[2001:db8::1]:5000", False),
        ("local", "[fe80::1%eth0]:5000", False),
    ],
)
async def test_who_may(setting: str, address: str, allowed: bool, wire: Wire):
    object.__setattr__(wire.settings, "enable_debug_command", setting)
    client = wire.connect(address=address, unix=address.startswith("/"))
    assert await wire.send("DEBUG LOG x", client) == (b"+OK\r\n" if allowed else REFUSED)
    assert (await wire.send("DEBUG HELP", client) == REFUSED) != allowed


async def test_help_names_every_subcommand(wire: Wire):
    lines = await wire.ask("DEBUG HELP")
    named = {line.split()[0] for line in lines[1::2]}
    for name in named - {"HELP"}:
        assert await wire.send(f"DEBUG {name} 0 0") == (
            f"-ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP.\r\n".encode()
        )
    assert lines[2].startswith("    ")


@pytest.mark.parametrize("seconds", ["x", "nan", "inf", ""])
async def test_sleep_takes_a_number(seconds: str, wire: Wire):
    assert await wire.send([b"DEBUG", b"SLEEP", seconds.encode()]) == b"-ERR value is not a valid float\r\n"


async def test_log(wire: Wire, caplog: pytest.LogCaptureFixture):
    await wire.send([b"DEBUG", b"LOG", b"two\nlines \xff"])
    assert "event=debug-log text='two\\nlines \ufffd'" in caplog.text


async def test_expired_entries_stay_while_nothing_sweeps(wire: Wire):
    cache = wire.context.cache
    await wire.send("DEBUG SET-ACTIVE-EXPIRE 0")
    assert not cache.sweeping
    await wire.send("DEBUG SET-ACTIVE-EXPIRE 1")
    assert cache.sweeping


async def test_another_replication_id(wire: Wire):
    before = wire.context.replication_id
    await wire.send("DEBUG CHANGE-REPL-ID")
    info = await wire.ask("INFO replication")
    assert f"master_replid:{wire.context.replication_id}" in info
    assert before not in info


async def test_sleep_holds_one_connection_and_is_slow(tmp_path):
    parts = Parts(tmp_path, enable_debug_command="local", latency_monitor_threshold=5, slowlog_log_slower_than=5000)
    async with opened(parts):
        tcp = Tcp(parts)
        await tcp.listen()
        sleeper, other = await tcp.connect(), await tcp.connect()
        sleeper.send("DEBUG", "SLEEP", "30")
        await until(lambda: parts.context.clients[1].last_command == "debug")
        assert await other.ask("PING") == b"PONG"
        parts.context.clients[1].link.abort()
        assert await sleeper.ended()
        assert await other.ask("DEBUG", "SLEEP", "0.01") == b"OK"
        assert parts.context.latency.find("command").worst >= 10
        assert [entry.words for entry in parts.context.slowlog if entry.microseconds < 10**7] == [(b"DEBUG", b"SLEEP", b"0.01")]
        await tcp.close()


async def test_nothing_is_sampled_while_the_cron_pauses(parts: Parts, monkeypatch: pytest.MonkeyPatch):
    context, tcp = parts.context, Tcp(parts)
    monkeypatch.setattr("mcserver.network.server.CRON_SECONDS", 0)
    await tcp.listen()
    await until(lambda: context.statistics.sampled is not None)
    context.cron_paused = True
    await until_turns(3)
    sampled = context.statistics.sampled
    await until_turns(3)
    assert context.statistics.sampled is sampled
    context.cron_paused = False
    await until(lambda: context.statistics.sampled is not sampled)
    await tcp.close()


async def until_turns(count: int) -> None:
    """Let the event loop turn so many times."""
    turns = iter(range(count))
    await until(lambda: next(turns, None) is None)
