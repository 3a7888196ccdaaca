"""SLOWLOG: the shape of its replies. What is kept is tested with mcserver.telemetry.slowlog."""

import pytest

from tests.mcserver.commands.wire import STARTED, Wire


@pytest.fixture
def slow(wire: Wire) -> Wire:
    """Twelve slow commands in the log."""
    for number in range(12):
        words = [b"ECHO", b"%d" % number]
        wire.context.slowlog.note(wire.client, wire.context.commands.locate(words), words, 20_000 + number, wire.context.cache.now())
    return wire


async def test_entries(slow: Wire):
    assert await slow.ask("SLOWLOG GET 2") == [
        [11, int(STARTED), 20_011, ["ECHO", "11"], "127.0.0.1:5001", ""],
        [10, int(STARTED), 20_010, ["ECHO", "10"], "127.0.0.1:5001", ""],
    ]


@pytest.mark.parametrize(("words", "count"), [("", 10), ("0", 0), ("5", 5), ("-1", 12), ("100", 12)])
async def test_counts(words: str, count: int, slow: Wire):
    assert len(await slow.ask(f"SLOWLOG GET {words}")) == count


async def test_length_and_reset(slow: Wire):
    assert await slow.ask("SLOWLOG LEN") == 12
    assert await slow.send("SLOWLOG RESET") == b"+OK\r\n"
    assert await slow.ask("SLOWLOG LEN") == 0
