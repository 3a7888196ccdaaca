"""MONITOR: every command is shown to whoever asked, also those that are answered from memory."""

import re

import pytest

from tests.mcserver.parts import Parts, Peer, Tcp, until

LINE = re.compile(rb"(\d+\.\d{6}) \[0 (\S+)\] (.*)")


@pytest.fixture
async def monitor(tcp: Tcp) -> Peer:
    monitor = await tcp.connect()
    assert await monitor.ask("MONITOR") == b"OK"
    return monitor


async def shown(monitor: Peer) -> bytes:
    """The words of the next line."""
    line = LINE.fullmatch(await monitor.reply())
    assert line
    return line[3]


async def test_time_client_and_words(parts: Parts, tcp: Tcp, peer: Peer, monitor: Peer):
    await peer.ask("PING", b'a "quoted"\x00\xff\r\n\\')
    line = LINE.fullmatch(await monitor.reply())
    assert float(line[1]) == parts.clock()
    assert line[2].decode() == next(iter(parts.context.clients.values())).address
    assert line[3] == rb'"PING" "a \"quoted\"\x00\xff\r\n\\"'


async def test_lookups_answered_from_memory(peer: Peer, monitor: Peer):
    await peer.ask("MC.SET", "m", "a", "1")
    for _ in range(4):
        assert await peer.ask("MC.GET", "m", "a") == b"1"
    assert [await shown(monitor) for _ in range(5)] == [b'"MC.SET" "m" "a" "1"', *[b'"MC.GET" "m" "a"'] * 4]


async def test_begins_for_connections_at_rest(tcp: Tcp, peer: Peer):
    await peer.ask("MC.SET", "m", "a", "1")
    for _ in range(3):
        await peer.ask("MC.GET", "m", "a")
    late = await tcp.connect()
    await late.ask("MONITOR")
    await peer.ask("MC.GET", "m", "a")
    assert await shown(late) == b'"MC.GET" "m" "a"'


async def test_a_transaction_in_the_order_it_ran(peer: Peer, monitor: Peer):
    for words in (["MULTI"], ["MC.SET", "m", "a", "1"], ["ECHO", "x"], ["EXEC"]):
        await peer.ask(*words)
    assert [await shown(monitor) for _ in range(4)] == [b'"MULTI"', b'"MC.SET" "m" "a" "1"', b'"ECHO" "x"', b'"EXEC"']


async def test_no_password_and_nothing_for_operators_only(peer: Peer, monitor: Peer):
    await peer.ask("CONFIG", "GET", "port")
    await peer.ask("AUTH", "secret")
    await peer.ask("HELLO", "3", "AUTH", "default", "secret", "SETNAME", "me")
    await peer.ask("NOSUCH")
    await peer.ask("PING")
    assert [await shown(monitor) for _ in range(3)] == [
        b'"AUTH" "(redacted)"',
        b'"HELLO" "3" "AUTH" "(redacted)" "(redacted)" "SETNAME" "me"',
        b'"PING"',
    ]


async def test_reset_ends_it(parts: Parts, peer: Peer, monitor: Peer):
    assert await monitor.ask("RESET") == b"RESET"
    await peer.ask("PING")
    assert await monitor.ask("ECHO", "nothing came before") == b"nothing came before"
    assert not parts.context.monitors


async def test_leaving_ends_it(parts: Parts, peer: Peer, monitor: Peer):
    await monitor.close()
    await until(lambda: not parts.context.monitors)
    assert await peer.ask("PING") == b"PONG"


async def test_one_that_does_not_read_is_cut_off(parts: Parts, tcp: Tcp, peer: Peer, monitor: Peer):
    parts.settings.assign([("client-output-buffer-limit", "pubsub 1mb 0 0")])
    monitor._reader._transport.pause_reading()
    while parts.context.monitors:
        await peer.ask("ECHO", b"x" * 100_000)
    assert parts.context.statistics.output_limit_disconnections == 1
    assert len(parts.context.clients) == 1
