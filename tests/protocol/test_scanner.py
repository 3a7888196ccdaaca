import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import scanner
from protocol.errors import ProtocolError, QueryBufferExceeded
from protocol.scanner import Limits, Scanner
from tests.protocol.streams import LIMITS, PLACES, STREAMS, cut

PING = b"*1\r\n$4\r\nPING\r\n"


def outcome(pieces: list[bytes], limits: Limits | None = None, *, authenticated: bool = True) -> tuple[list[list[bytes]], str]:
    """All requests, and the text of the error that ends them, if one does."""
    subject = Scanner(limits or Limits(), authenticated=authenticated)
    requests = []
    for piece in pieces:
        subject.feed(piece)
        try:
            while (request := subject.next()) is not None:
                requests.append(request)
        except ProtocolError as error:
            return requests, str(error).removeprefix("Protocol error: ")
    return requests, ""


def single_bytes(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def test_public_names():
    assert set(scanner.__all__) == {"Limits", "Scanner"}


def test_the_default_limits_are_those_of_redis():
    assert Limits() == Limits(bulk=512 * 1024 * 1024, query_buffer=1024 * 1024 * 1024)


READABLE = [
    (PING, [[b"PING"]]),
    (b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", [[b"ECHO", b""]]),
    (b"*1\r\n$6\r\na\r\nb\0\xff\r\n", [[b"a\r\nb\0\xff"]]),
    (b"*0\r\n*-1\r\n*-10\r\n" + PING, [[b"PING"]]),
    (b"*1\rX$4\rXPINGxx", [[b"PING"]]),
    (b"PING\r\n", [[b"PING"]]),
    (b"PING\n", [[b"PING"]]),
    (b"\r\n\n  \r\nECHO 'a b' \"\\x41\"\r\n", [[b"ECHO", b"a b", b"A"]]),
    (b"PING\r\n" + PING + b"PING x\n" + PING, [[b"PING"], [b"PING"], [b"PING", b"x"], [b"PING"]]),
    (b"$4\r\nPING\r\n", [[b"$4"], [b"PING"]]),
    (b"~1\r\n", [[b"~1"]]),
    (b"\xff\0\n", [[b"\xff\0"]]),
    (b"a" * 65535 + b"\r\n", [[b"a" * 65535]]),
]


@pytest.mark.parametrize(("data", "requests"), READABLE)
def test_requests(data: bytes, requests: list[list[bytes]]):
    assert outcome([data]) == (requests, "")
    assert outcome(single_bytes(data)) == (requests, "")
    assert outcome([data + PING]) == ([*requests, [b"PING"]], "")
    assert outcome([data + b"*1\r\n$4\r\nPI"]) == (requests, "")


MALFORMED = [
    (b"*abc\r\n", "invalid multibulk length"),
    (b"*\r\n", "invalid multibulk length"),
    (b"*+1\r\n", "invalid multibulk length"),
    (b"*01\r\n", "invalid multibulk length"),
    (b"*2147483648\r\n", "invalid multibulk length"),
    (b"*99999999999999999999\r\n", "invalid multibulk length"),
    (b"*1\r\n$-1\r\n", "invalid bulk length"),
    (b"*1\r\n$abc\r\n", "invalid bulk length"),
    (b"*1\r\n$ 4\r\n", "invalid bulk length"),
    (b"*1\r\n$04\r\n", "invalid bulk length"),
    (b"*1\r\n$\r\n", "invalid bulk length"),
    (b"*1\r\n$536870913\r\n", "invalid bulk length"),
    (b"*1\r\n$99999999999999999999\r\n", "invalid bulk length"),
    (b"*1\r\nfoo\r\n", "expected '$', got 'f'"),
    (b"*1\r\n+PING\r\n", "expected '$', got '+'"),
    (b"*1\r\n:5\r\n", "expected '$', got ':'"),
    (b"*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
    (b"*1\r\n\r\n", "expected '$', got '\r'"),
    (b"*1\r\n\xff\r\n", "expected '$', got '\udcff'"),
    (b"*2\r\n$4\r\nECHO\r\n%1\r\n", "expected '$', got '%'"),
    (b"*" + b"1" * 65536, "too big mbulk count string"),
    (b"*1\r\n$" + b"1" * 65536, "too big bulk count string"),
    (b"a" * 65537, "too big inline request"),
    (b'"a\r\n', "unbalanced quotes in request"),
    (b"ECHO 'a'b\n", "unbalanced quotes in request"),
]


@pytest.mark.parametrize(("data", "error"), MALFORMED)
def test_malformed(data: bytes, error: str):
    assert outcome([data]) == ([], error)
    assert outcome(single_bytes(data)) == ([], error)
    assert outcome([PING + data + PING]) == ([[b"PING"]], error)
    assert outcome([PING, data, PING]) == ([[b"PING"]], error)


def test_a_line_is_too_long_wherever_its_end_arrives():
    assert outcome([b"a" * 65537 + b"\r\n"]) == ([], "too big inline request")
    assert outcome([b"*" + b"1" * 65536 + b"\r\n"]) == ([], "too big mbulk count string")


class TestUnauthenticated:
    @pytest.mark.parametrize(
        ("data", "error"),
        [(b"*11\r\n", "unauthenticated multibulk length"), (b"*1\r\n$16385\r\n", "unauthenticated bulk length")],
    )
    def test_too_much(self, data: bytes, error: str):
        assert outcome([data], authenticated=False) == ([], error)
        assert outcome(single_bytes(data), authenticated=False) == ([], error)
        assert outcome([data], authenticated=True) == ([], "")

    def test_as_much_as_allowed(self):
        arguments = [b"x" * 16384] * 10
        data = b"*10\r\n" + b"".join(b"$16384\r\n%b\r\n" % argument for argument in arguments)
        assert outcome([data], authenticated=False) == ([arguments], "")

    def test_the_limits_end_with_authentication(self):
        subject = Scanner(Limits(), authenticated=False)
        subject.feed(PING + b"*11\r\n$16385\r\n")
        assert subject.next() == [b"PING"]
        subject.authenticated = True
        assert subject.next() is None


class TestLimits:
    def test_a_bulk_is_refused_from_its_header(self):
        assert outcome([b"*1\r\n$101\r\n"], Limits(bulk=100)) == ([], "invalid bulk length")
        assert outcome([b"*1\r\n$100\r\n"], Limits(bulk=100)) == ([], "")

    @pytest.mark.parametrize("data", [PING, b"*2\r\n$2\r\nab\r\n$1\r\nc\r\n", b"PING a b c\r\n", b"\r\n"])
    def test_a_request_may_be_as_large_as_the_query_buffer(self, data: bytes):
        for pieces in ([data], single_bytes(data), [data * 3]):
            assert outcome(pieces, Limits(query_buffer=len(data)))[1] == ""
        for pieces in ([data], single_bytes(data), [data * 3]):
            assert outcome(pieces, Limits(query_buffer=len(data) - 1)) == (
                [],
                f"request larger than the query buffer limit of {len(data) - 1} bytes",
            )

    def test_many_small_arguments_count_together(self):
        data = b"*1000\r\n" + b"$1\r\na\r\n" * 20
        limits = Limits(query_buffer=100)
        assert outcome([data], limits) == outcome(single_bytes(data), limits)
        assert outcome([data], limits)[1].startswith("request larger than")

    def test_the_error_is_of_its_own_class(self):
        subject = Scanner(Limits(query_buffer=10), authenticated=True)
        subject.feed(b"*1\r\n$100\r\n")
        with pytest.raises(QueryBufferExceeded):
            subject.next()

    def test_an_announced_count_takes_no_memory(self):
        tracemalloc.start()
        try:
            assert outcome([b"*2147483647\r\n", b"$1\r\na\r\n"]) == ([], "")
            assert tracemalloc.get_traced_memory()[1] < 100_000
        finally:
            tracemalloc.stop()


class TestState:
    def test_idle_and_between_requests(self):
        subject = Scanner(Limits(), authenticated=True)
        assert subject.idle
        subject.feed(b"*1\r\n")
        assert (subject.idle, subject.between_requests, subject.buffered) == (False, True, 4)
        assert subject.next() is None
        assert (subject.idle, subject.between_requests, subject.buffered) == (False, False, 0)
        subject.feed(b"$4\r\nPING\r\n")
        assert subject.next() == [b"PING"]
        assert (subject.idle, subject.between_requests, subject.buffered) == (True, True, 0)

    def test_take_hands_over_what_was_not_read(self):
        subject = Scanner(Limits(), authenticated=True)
        subject.feed(PING + b"PING some")
        assert subject.next() == [b"PING"]
        assert subject.next() is None
        assert subject.take() == b"PING some"
        assert subject.idle
        subject.feed(PING)
        assert subject.next() == [b"PING"]

    def test_memory_is_let_go_after_a_large_request(self):
        subject = Scanner(Limits(), authenticated=True)
        subject.feed(b"*1\r\n$1000000\r\n" + b"x" * 1_000_000 + b"\r\n")
        assert subject.next() == [b"x" * 1_000_000]
        assert subject._buffer.__alloc__() < 1000


class CountingBuffer(bytearray):
    """Counts the bytes that were searched for a line end."""

    searched = 0

    def find(self, end: bytes, start: int, stop: int) -> int:  # type: ignore[override]
        found = super().find(end, start, stop)
        self.searched += max((found if found >= 0 else stop) - start, 0)
        return found


@pytest.mark.parametrize("data", [b"a" * 5000 + b"\n", b"*" + b"1" * 5000, b"*1\r\n$" + b"1" * 5000])
def test_a_client_that_sends_single_bytes_costs_linear_time(data: bytes):
    subject = Scanner(Limits(), authenticated=True)
    subject._buffer = CountingBuffer()
    for piece in single_bytes(data):
        subject.feed(piece)
        subject.next()
    assert 0 < subject._buffer.searched <= 2 * len(data)


@given(st.lists(st.lists(st.binary(max_size=20), min_size=1, max_size=5), max_size=5))
def test_what_was_packed_comes_back(requests: list[list[bytes]]):
    data = b"".join(b"*%d\r\n" % len(request) + b"".join(b"$%d\r\n%b\r\n" % (len(item), item) for item in request) for request in requests)
    assert outcome([data]) == outcome(single_bytes(data)) == (requests, "")


class TestLargeArguments:
    """They are put together beside the buffer, which must make no difference."""

    @given(data=STREAMS, places=PLACES, limits=LIMITS, large=st.integers(1, 20), authenticated=st.booleans())
    def test_found_and_refused_alike(self, data: bytes, places: list[int], limits: Limits, large: int, authenticated: bool):
        expected = outcome(cut(data, places), limits, authenticated=authenticated)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scanner, "_LARGE", large)
            assert outcome(cut(data, places), limits, authenticated=authenticated) == expected

    def test_counted_while_they_arrive(self):
        subject = Scanner(Limits(), authenticated=True)
        subject.feed(b"*2\r\n$4\r\nECHO\r\n$1000000\r\n" + b"x" * 300_000)
        assert subject.next() is None
        subject.feed(b"x" * 400_000)
        assert subject.next() is None
        assert (subject.buffered, subject.idle, subject.between_requests) == (700_000, False, False)
        subject.feed(b"x" * 300_000 + b"\r\n" + PING)
        assert subject.next() == [b"ECHO", b"x" * 1_000_000]
        assert subject.next() == [b"PING"]
        assert (subject.buffered, subject.idle) == (0, True)

    def test_only_what_has_arrived_takes_memory(self):
        subject = Scanner(Limits(), authenticated=True)
        tracemalloc.start()
        try:
            subject.feed(b"*1\r\n$500000000\r\n" + b"x" * 300_000)
            assert subject.next() is None
            assert tracemalloc.get_traced_memory()[0] < 2_000_000
        finally:
            tracemalloc.stop()
