"""What holds for the request parser whatever a client sends, and however its bytes arrive."""

import itertools
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol import request
from protocol.errors import ProtocolError
from protocol.request import Limits, RequestParser, pack_request
from protocol.scanner import Scanner
from tests.protocol.streams import HOSTILE_STREAMS, LIMITS, PLACES, STREAMS, cut, last, outcome, pack, read, reference, single_bytes


@settings(max_examples=600)
@given(STREAMS, PLACES, LIMITS, st.booleans())
@example(b"*1\r\n+a\r\n*1\r", [], Limits(), True)
@example(b"*2\r\n$4\r\na\r\nbxx+c\r\n", [], Limits(), True)
@example(b"*3\r\n$1\r\na\r\n=5\r\ntxt:a\r\n+bb\r\n", [], Limits(), True)
def test_any_chunking_of_any_stream_gives_the_same(data: bytes, places: list[int], limits: Limits, authenticated: bool):
    expected = reference(data, limits, authenticated=authenticated)
    assert outcome([data], limits, authenticated=authenticated) == expected
    assert outcome(cut(data, places), limits, authenticated=authenticated) == expected
    assert outcome(single_bytes(data), limits, authenticated=authenticated) == expected


@settings(max_examples=400)
@given(STREAMS | HOSTILE_STREAMS, PLACES, LIMITS, st.booleans())
@example(b"*2\r\n$4\r\nECHO\r\n$9\r\nab\r\n*1\r\nc\r\n*1\r\n$4\r\nPI", [], Limits(), True)
def test_large_chunks_give_the_same(data: bytes, places: list[int], limits: Limits, authenticated: bool):
    """Their last request is tried apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(request, "_MANY", 0)
        found = outcome(cut(data, places), limits, authenticated=authenticated)
    assert found == reference(data, limits, authenticated=authenticated)


@given(STREAMS | HOSTILE_STREAMS, PLACES, LIMITS, st.booleans())
def test_requests_and_errors_come_with_the_byte_that_completes_them(data: bytes, places: list[int], limits: Limits, authenticated: bool):
    """Neither earlier nor later: after every chunk the parser has found what is in the bytes so far."""
    pieces = cut(data, places)
    found = read(RequestParser(limits, authenticated=authenticated), pieces)
    for so_far, expected in zip(itertools.accumulate(pieces), found, strict=True):
        assert reference(so_far, limits, authenticated=authenticated) == expected


@given(STREAMS, PLACES, st.integers(1, 4))
def test_the_limits_of_strangers_end_with_the_request_that_authenticates(data: bytes, places: list[int], number: int):
    found = last(read(RequestParser(authenticated=False), cut(data, places), authenticates=number))
    assert found == last(read(Scanner(Limits(), authenticated=False), [data], authenticates=number))


@given(STREAMS, PLACES)
def test_idle_says_that_the_next_byte_begins_a_request(data: bytes, places: list[int]):
    parser, scanner = RequestParser(), Scanner(Limits(), authenticated=True)
    found = last(read(parser, cut(data, places)))
    assert found == last(read(scanner, [data]))
    if not found[1]:
        assert (parser.idle, parser.buffered) == (scanner.idle, scanner.buffered)


@given(STREAMS, LIMITS)
def test_what_is_held_never_exceeds_the_query_buffer(data: bytes, limits: Limits):
    parser = RequestParser(limits)
    for _, error in read(parser, single_bytes(data)):
        assert error or parser.buffered <= limits.query_buffer


# A request of one short argument takes 12 bytes on the wire and about 140 as a list with a bytes object.
BYTES_PER_BYTE = 16
CONSTANT = 64 * 1024
# hiredis makes the slots of nested arrays, 999 each at most and 1024 deep, before they are given up: see protocol.request.
SLOTS = 9 * 1024 * 1024


@settings(deadline=None)
@given(HOSTILE_STREAMS | STREAMS, PLACES, st.integers(0, 20_000))
@example(b"*999\r\n", [], 6 * 1024)
@example(b"*1\r\n$2\r\nab\r\n", [], 20_000)
@example(b"$2\r\nab\r\n", [3], 0)
@example(b"*999\r\n", [1, 3], 0)
@example(b"a", [65_000], 100_000)
def test_memory_goes_by_what_was_sent_and_not_by_what_was_announced(data: bytes, places: list[int], size: int):
    pieces = cut(data * (1 + size // (len(data) + 1)), places)
    sent = sum(map(len, pieces))
    tracemalloc.start()
    try:
        parser = RequestParser()
        ended = exhaust(parser, pieces)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert parser.buffered <= sent
    assert held <= (0 if ended else BYTES_PER_BYTE * sent) + CONSTANT
    assert peak <= BYTES_PER_BYTE * sent + CONSTANT + SLOTS


def exhaust(parser: RequestParser, pieces: Sequence[bytes]) -> bool:
    """Take all requests and keep none; whether an error ended them."""
    for piece in pieces:
        parser.feed(piece)
        try:
            while parser.next() is not None:
                pass
        except ProtocolError:
            return True
    return False


@given(st.lists(st.lists(st.binary(max_size=30), min_size=1, max_size=5), max_size=8), PLACES)
def test_what_was_packed_comes_back(requests: list[list[bytes]], places: list[int]):
    data = b"".join(pack(*arguments) for arguments in requests)
    assert data == b"".join(pack_request(tuple(arguments)) for arguments in requests)
    assert outcome([data]) == outcome(cut(data, places)) == (requests, "")


@given(st.lists(STREAMS, max_size=4))
def test_drain_gives_what_next_gives(pieces: list[bytes]):
    parser = RequestParser()
    requests: list[list[bytes]] = []
    error = ""
    for piece in pieces:
        parser.feed(piece)
        try:
            while found := parser.drain():
                requests += found
        except ProtocolError as caught:
            error = str(caught)
    assert (requests, error) == outcome(pieces)
