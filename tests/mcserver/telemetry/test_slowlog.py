"""The slow log: what is kept, how it is shortened, and how many there are."""

import pytest

from mcserver.commands import FAMILIES
from mcserver.settings import Settings
from mcserver.table import Table
from mcserver.telemetry.slowlog import Slowlog
from tests.mcserver.parts import Parts, Tcp, error_text

TABLE = Table(FAMILIES)
NOW = 1_700_000_000_999


class Log:
    """A slow log on its own; `note` takes a request line."""

    def __init__(self, parts: Parts, **settings: object) -> None:
        self.settings = Settings(**settings)
        self.slowlog = Slowlog(self.settings)
        self.client = parts.client

    def note(self, line: str | list[bytes], microseconds: int) -> None:
        words = line.encode().split() if isinstance(line, str) else line
        self.slowlog.note(self.client, TABLE.locate(words), words, microseconds, NOW)

    def lines(self) -> list[str]:
        return [b" ".join(entry.words).decode() for entry in self.slowlog]


@pytest.fixture
def log(parts: Parts) -> Log:
    return Log(parts)


def test_only_what_took_long_enough(log: Log):
    log.note("PING", 9_999)
    log.note("ECHO x", 10_000)
    assert log.lines() == ["ECHO x"]
    [entry] = log.slowlog
    assert (entry.id, entry.time, entry.microseconds) == (0, NOW // 1000, 10_000)
    assert (entry.address, entry.name) == ("127.0.0.1:5000", "")


def test_the_threshold_counts_as_it_is_now(log: Log):
    log.settings.assign([("slowlog-log-slower-than", "0")])
    log.note("PING", 0)
    log.settings.assign([("slowlog-log-slower-than", "-1")])
    log.note("PING", 10**9)
    assert log.lines() == ["PING"]


def test_newest_first_and_the_oldest_leave(log: Log):
    log.settings.assign([("slowlog-max-len", "3")])
    for number in range(5):
        log.note(f"ECHO {number}", 10_000)
    assert log.lines() == ["ECHO 4", "ECHO 3", "ECHO 2"]
    assert [entry.id for entry in log.slowlog.latest(2)] == [4, 3]
    assert log.slowlog.latest(0) == []
    log.settings.assign([("slowlog-max-len", "1")])
    assert log.lines() == ["ECHO 4"]
    log.settings.assign([("slowlog-max-len", "0")])
    log.note("PING", 10_000)
    assert log.lines() == []


def test_ids_go_on_after_a_reset(log: Log):
    log.note("PING", 10_000)
    log.slowlog.reset()
    assert len(log.slowlog) == 0
    log.note("PING", 10_000)
    assert [entry.id for entry in log.slowlog] == [1]


@pytest.mark.parametrize(
    ("count", "kept", "end"), [(32, 32, b"31"), (33, 32, b"... (2 more arguments)"), (1000, 32, b"... (969 more arguments)")]
)
def test_many_words(count: int, kept: int, end: bytes, log: Log):
    log.note([b"MC.DEL", *(b"%d" % number for number in range(1, count))], 10_000)
    [entry] = log.slowlog
    assert (len(entry.words), entry.words[0], entry.words[-1]) == (kept, b"MC.DEL", end)


def test_long_words(log: Log):
    log.note([b"ECHO", b"\xff" * 128], 10_000)
    log.note([b"ECHO", b"\xff" * 130], 10_000)
    assert [entry.words[1] for entry in log.slowlog] == [b"\xff" * 128 + b"... (2 more bytes)", b"\xff" * 128]


def test_no_secrets(log: Log):
    log.note("AUTH secret", 10_000)
    log.note("CONFIG SET requirepass secret", 10_000)
    assert log.lines() == ["CONFIG SET requirepass (redacted)", "AUTH (redacted)"]


def test_exec_is_left_out(log: Log):
    log.note("EXEC", 10_000)
    assert log.lines() == []


async def test_commands_over_a_connection(tcp: Tcp):
    peer = await tcp.connect()
    assert await peer.ask("CLIENT", "SETNAME", "me") == b"OK"
    assert await peer.ask("CONFIG", "SET", "slowlog-log-slower-than", 0) == b"OK"
    assert await peer.ask("SLOWLOG", "RESET") == b"OK"
    await peer.ask("MC.SET", "m", "red", "answer")
    await peer.ask("MC.GET", "m", "red")
    await peer.ask("MC.GET", "m", "red")  # the exact path would answer this one
    await peer.ask("NOSUCH")
    error_text(await peer.ask("MC.TTL", "m", "x"))
    await peer.ask("MULTI")
    await peer.ask("PING")
    await peer.ask("EXEC")
    length, found = await peer.ask("SLOWLOG", "LEN"), await peer.ask("SLOWLOG", "GET", -1)
    assert length == len(found) - 1
    lines = [b" ".join(words) for _, _, _, words, *_ in reversed(found)]
    assert lines == [
        b"SLOWLOG RESET",
        b"MC.SET m red answer",
        b"MC.GET m red",
        b"MC.GET m red",
        b"MC.TTL m x",
        b"MULTI",
        b"PING",
        b"SLOWLOG LEN",
    ]
    ids, times, lasted, _, addresses, names = zip(*found, strict=True)
    assert list(ids) == sorted(ids, reverse=True)
    assert set(times) == {int(tcp.parts.clock())}
    assert all(0 <= microseconds < 10**8 for microseconds in lasted)
    assert set(names) == {b"me"}
    assert all(address.startswith(b"127.0.0.1:") for address in addresses)
    assert len(await peer.ask("SLOWLOG", "GET", 3)) == 3
    assert len(await peer.ask("SLOWLOG", "GET")) == 10
