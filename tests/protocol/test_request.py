import tracemalloc

import pytest

from protocol import request
from protocol.errors import CommandError, ProtocolError, QueryBufferExceeded, unknown_command
from protocol.reply import PONG, encode
from protocol.request import Limits, RequestParser
from tests.protocol.streams import PING, outcome, pack, reference, single_bytes


def test_public_names():
    assert set(request.__all__) == {"Limits", "RequestParser", "pack_request"}


WELL_FORMED = [
    (PING, [[b"PING"]]),
    (PING * 3, [[b"PING"]] * 3),
    (pack(b"ECHO", b""), [[b"ECHO", b""]]),
    (pack(b"SET", b"k", b"a\r\nb") + PING, [[b"SET", b"k", b"a\r\nb"], [b"PING"]]),
    (pack(b"ECHO", b"C++ (a=1) >2 |3 ~4 %5"), [[b"ECHO", b"C++ (a=1) >2 |3 ~4 %5"]]),
    (pack(b"ECHO", b"~1\r\n%2\r\n"), [[b"ECHO", b"~1\r\n%2\r\n"]]),
    (pack(b"ECHO", b"*1234567"), [[b"ECHO", b"*1234567"]]),
    (b"*0\r\n" + PING, [[b"PING"]]),
    (PING + b"*0\r\n*-1\r\n*-10\r\n" + PING, [[b"PING"], [b"PING"]]),
    (PING + b"PING\r\n" + PING + b"ping 'a b'\n\r\n", [[b"PING"], [b"PING"], [b"PING"], [b"ping", b"a b"]]),
    (b"*1\r\n$4\r\nPINGxx" + PING, [[b"PING"], [b"PING"]]),
    (b"*2\r\n$4\r\nECHOxx$1\r\n+xx", [[b"ECHO", b"+"]]),
    (b"*1\rX$4\rXPINGxx", [[b"PING"]]),
    (PING + b"~1\r\n" + PING, [[b"PING"], [b"~1"], [b"PING"]]),
    (PING + b"|1\r\n$1\r\na\r\n", [[b"PING"], [b"|1"], [b"$1"], [b"a"]]),
    (PING + b"$0\r\n\r\n" + PING, [[b"PING"], [b"$0"], [b"PING"]]),
    (PING + b"+PING\r\n#t\r\n_\r\n", [[b"PING"], [b"+PING"], [b"#t"], [b"_"]]),
    (pack(*[b"x"] * 1500) + PING, [[b"x"] * 1500, [b"PING"]]),
    (pack(b"SET", b"k", b"v" * 300_000) + PING, [[b"SET", b"k", b"v" * 300_000], [b"PING"]]),
]


@pytest.mark.parametrize(("data", "requests"), WELL_FORMED)
def test_requests(data: bytes, requests: list[list[bytes]]):
    assert outcome([data]) == (requests, "")
    assert outcome([*single_bytes(data[:5000]), data[5000:]]) == (requests, "")
    assert outcome([data + b"*1\r\n$4\r\nPI"]) == (requests, "")
    assert outcome([data + PING]) == ([*requests, [b"PING"]], "")
    assert outcome([data], authenticated=len(data) > 5000) == (requests, "")


LONG = b"1" * 66_000
MALFORMED = [
    b"*abc\r\n",
    b"*\r\n",
    b"*+1\r\n",
    b"*01\r\n",
    b"*2147483648\r\n",
    b"*4294967295\r\n",
    b"*99999999999999999999\r\n",
    b"*-99999999999999999999\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$-2\r\n",
    b"*1\r\n$abc\r\n",
    b"*1\r\n$ 4\r\n",
    b"*1\r\n$04\r\n",
    b"*1\r\n$\r\n",
    b"*1\r\n$536870913\r\n",
    b"*1\r\n$600000000\r\n",
    b"*1\r\n$99999999999999999999\r\n",
    b"*1\r\nfoo\r\n",
    b"*1\r\n\r\n",
    b"*1\r\n\xff\r\n",
    b"*1\r\n+PING\r\n",
    b"*1\r\n-ERR\r\n",
    b"*1\r\n:5\r\n",
    b"*1\r\n,1.5\r\n",
    b"*1\r\n#t\r\n",
    b"*1\r\n_\r\n",
    b"*1\r\n(12\r\n",
    b"*1\r\n=6\r\ntxt:ab\r\n",
    b"*1\r\n*1\r\n$4\r\nPING\r\n",
    b"*1\r\n*0\r\n",
    b"*1\r\n%1\r\n$1\r\na\r\n$1\r\nb\r\n",
    b"*1\r\n%1\r\n*0\r\n:1\r\n",
    b"*1\r\n~1\r\n$1\r\na\r\n",
    b"*1\r\n>1\r\n$1\r\na\r\n",
    b"*1\r\n|1\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
    b"*2\r\n$4\r\nECHO\r\n+a\r\n",
    b"*2\r\n$4\r\nECHOxx+a\r\n",
    b"*2\r\n$4\r\nECHO\r\n" * 2,
    b"*" + LONG,
    b"*1\r\n$" + LONG,
    LONG,
    b'"a\r\n',
    b"ECHO 'a'b\r\n",
    b'PING "\n',
]


@pytest.mark.parametrize("data", MALFORMED)
def test_malformed(data: bytes):
    requests, error = reference(data)
    assert (requests, error[:16]) == ([], "Protocol error: ")
    assert outcome([data]) == ([], error)
    assert outcome([data[:1], *single_bytes(data[1:2000]), data[2000:]]) == ([], error)
    assert outcome([data + PING]) == ([], error)
    assert outcome([PING * 2 + data + PING]) == ([[b"PING"]] * 2, error)
    assert outcome([PING + b"PING\r\n" + data]) == ([[b"PING"]] * 2, error)


@pytest.mark.parametrize("data", MALFORMED)
def test_malformed_requests_are_answered_as_redis_answers_them(data: bytes, ask_redis):
    _, error = outcome([PING + data])
    assert encode(PONG, 2) + encode(CommandError(error), 2) == ask_redis(PING + data)


@pytest.mark.parametrize(("data", "requests"), [case for case in WELL_FORMED if len(case[0]) < 1000])
def test_requests_are_those_that_redis_reads(data: bytes, requests: list[list[bytes]], ask_redis):
    # Only PING and unknown commands tell from their replies what the server has read.
    data, requests = (
        data.replace(b"ECHO", b"NOPE").replace(b"SET", b"NOP"),
        [[word.replace(b"ECHO", b"NOPE") for word in r] for r in requests],
    )
    expected = b""
    for name, *arguments in requests:
        if name.upper() == b"PING":
            expected += encode(arguments[0] if arguments else PONG, 2)
        else:
            expected += encode(unknown_command(name.replace(b"SET", b"NOP"), arguments), 2)
    assert ask_redis(data) == expected


class TestErrors:
    def test_the_error_is_final(self):
        parser = RequestParser()
        parser.feed(PING + b"*x\r\n" + PING)
        assert parser.next() == [b"PING"]
        with pytest.raises(ProtocolError) as first:
            parser.next()
        parser.feed(PING)
        with pytest.raises(ProtocolError) as second:
            parser.next()
        with pytest.raises(ProtocolError) as third:
            parser.drain()
        assert first.value is second.value is third.value

    @pytest.mark.parametrize("data", [b"a" * 70_000, b"*2\r\n$70000\r\n" + b"a" * 70_000])
    def test_what_was_cleared_or_went_wrong_is_not_held(self, data: bytes):
        parser = RequestParser()
        parser.feed(data)
        try:
            assert parser.next() is None
            parser.clear()
            assert parser.idle
        except ProtocolError:
            assert data[:1] == b"a"
        assert parser.buffered == 0

    def test_the_query_buffer_limit_has_its_own_class(self):
        parser = RequestParser(Limits(query_buffer=50))
        parser.feed(b"*1\r\n$60\r\n")
        with pytest.raises(QueryBufferExceeded):
            parser.next()


class TestDrain:
    def test_gives_all_at_hand(self):
        parser = RequestParser()
        parser.feed(PING * 3 + b"*1\r\n$4\r\nPI")
        assert parser.drain() == [[b"PING"]] * 3
        assert parser.drain() == []
        parser.feed(b"NG\r\n" + PING * 2)
        assert parser.drain() + parser.drain() == [[b"PING"]] * 3
        assert parser.drain() == []

    def test_and_next_share_one_order(self):
        parser = RequestParser()
        parser.feed(pack(b"1") + pack(b"2"))
        parser.feed(pack(b"3"))
        assert parser.next() == [b"1"]
        assert parser.drain() == [[b"2"], [b"3"]]

    def test_requests_before_an_error_come_first(self):
        parser = RequestParser()
        parser.feed(PING * 2 + b"*x\r\n")
        assert parser.drain() == [[b"PING"]] * 2
        with pytest.raises(ProtocolError, match="invalid multibulk length"):
            parser.drain()


class TestAuthentication:
    def test_the_limits_are_those_of_redis(self):
        assert outcome([b"*11\r\n"], authenticated=False) == ([], "Protocol error: unauthenticated multibulk length")
        assert outcome([b"*2\r\n$16385\r\n"], authenticated=False) == ([], "Protocol error: unauthenticated bulk length")

    def test_what_follows_a_pipelined_auth_is_read_without_them(self):
        large = pack(b"SET", b"k", b"v" * 20_000)
        parser = RequestParser(authenticated=False)
        parser.feed(pack(b"AUTH", b"secret") + large + PING)
        assert parser.drain() == [[b"AUTH", b"secret"]]
        parser.authenticated = True
        assert parser.authenticated
        assert parser.drain() == [[b"SET", b"k", b"v" * 20_000], [b"PING"]]

    def test_what_follows_a_failed_auth_is_not(self):
        parser = RequestParser(authenticated=False)
        parser.feed(pack(b"AUTH", b"wrong") + pack(b"SET", b"k", b"v" * 20_000))
        assert parser.next() == [b"AUTH", b"wrong"]
        with pytest.raises(ProtocolError, match="unauthenticated bulk length"):
            parser.next()


class TestLimits:
    def test_may_change_at_any_time(self):
        parser = RequestParser()
        parser.feed(pack(b"ECHO", b"v" * 200))
        assert parser.next() == [b"ECHO", b"v" * 200]
        parser.limits = Limits(bulk=100)
        assert parser.limits == Limits(bulk=100)
        parser.feed(pack(b"ECHO", b"v" * 200))
        with pytest.raises(ProtocolError, match="invalid bulk length"):
            parser.next()

    def test_buffered_counts_what_is_no_request_yet(self):
        parser = RequestParser()
        parser.feed(PING + b"*1\r\n$10\r\nabc")
        assert parser.drain() == [[b"PING"]]
        assert parser.drain() == []
        assert parser.buffered == 3

    @pytest.mark.parametrize(
        "data",
        [
            b"*2147483647\r\n",
            b"*4294967295\r\n",
            b"*999\r\n" * 3000,
            b"*1\r\n" * 3000,
            b"*1\r\n$1\r\na\r\n~2147483647\r\n",
            b"*1\r\n%2147483647\r\n",
            b"*1\r\n>2147483647\r\n",
            b"*1\r\n|2147483647\r\n",
            b"*1\r\n$1\r\naXX*2147483647\r\n",
            b"*1\r\n$500000000\r\n",
        ],
    )
    @pytest.mark.parametrize("at", [0, 1, 7])
    def test_a_header_alone_takes_little_memory(self, data: bytes, at: int):
        tracemalloc.start()
        try:
            outcome([data[:at], data[at:]])
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()

    def test_the_buffer_of_a_large_chunk_is_not_kept(self):
        parser = RequestParser()
        parser.feed(PING)
        kept = parser._reader
        parser.feed(PING)
        assert parser._reader is kept
        parser.feed(PING * 2000)
        assert parser._reader is not kept
        assert parser.drain() == [[b"PING"]] * 2002


MIXED = (b"PING\r\n" + PING) * 500


@pytest.mark.parametrize(
    "pieces",
    [
        [MIXED],
        [MIXED[:2010], MIXED[2010:]],
        single_bytes(MIXED[:4000]),
        single_bytes(b"a" * 4000 + b"\n"),
        single_bytes(b"*" + b"0" * 4000),
        single_bytes(b"*1\r\n$" + b"0" * 4000),
        single_bytes(pack(b"v" * 4000)),
    ],
)
def test_the_fast_lane_sees_every_byte_at_most_once(pieces: list[bytes], monkeypatch: pytest.MonkeyPatch):
    seen: list[bytes] = []
    read_ahead = RequestParser._read_ahead

    def record(parser: RequestParser, data: bytes) -> int:
        seen.append(data)
        return read_ahead(parser, data)

    monkeypatch.setattr(RequestParser, "_read_ahead", record)
    data = b"".join(pieces)
    assert outcome(pieces) == reference(data)
    assert 0 < len(b"".join(seen)) <= len(data)
