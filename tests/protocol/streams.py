"""Streams of bytes that clients may send, well formed or not, and what two parsers find in them."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.reply import RESP2, encode
from protocol.request import Limits, RequestParser
from protocol.scanner import Scanner

Outcome = tuple[list[list[bytes]], str]
"""All requests, and the text of the error that ends them, if one does."""

PING = b"*1\r\n$4\r\nPING\r\n"


def pack(*arguments: bytes) -> bytes:
    """A request as an array of bulk strings, by the encoder of replies."""
    return encode(list(arguments), RESP2)


def single_bytes(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The data in pieces; a place is taken modulo the length."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:stop] for start, stop in itertools.pairwise(edges)]


def read(source: RequestParser | Scanner, pieces: Sequence[bytes], *, authenticates: int = 0) -> Iterator[Outcome]:
    """What it has found after each piece. `authenticates`: the number, from 1, of the request that is a successful AUTH."""
    requests: list[list[bytes]] = []
    error = ""
    for piece in pieces:
        if not error:
            source.feed(piece)
            try:
                while (found := source.next()) is not None:
                    requests.append(found)
                    source.authenticated |= len(requests) == authenticates
            except ProtocolError as caught:
                error = str(caught)
        yield requests[:], error


def outcome(pieces: Sequence[bytes], limits: Limits | None = None, *, authenticated: bool = True) -> Outcome:
    """What the parser has found after all pieces."""
    return last(read(RequestParser(limits, authenticated=authenticated), pieces))


def reference(data: bytes, limits: Limits | None = None, *, authenticated: bool = True) -> Outcome:
    """What the careful scanner alone finds."""
    return last(read(Scanner(limits or Limits(), authenticated=authenticated), [data]))


def last(found: Iterable[Outcome]) -> Outcome:
    """The outcome after all pieces; nothing was found where there are none."""
    return [([], ""), *found][-1]


# Pieces that make the two lanes of the parser disagree if anything can: what one accepts and the other does not, in all orders.
PIECES = st.sampled_from(
    [
        *b"* $ + - : = ( ~ % > | _ , # t 1 0 a xx ' \xff \0".split(b" "),
        *(b"*1\r\n", b"*2\r\n", b"*0\r\n", b"*-1\r\n", b"*12\r\n", b"*1234\r\n", b"*1\rX"),
        *(b"$1\r\na\r\n", b"$1\r\na", b"$0\r\n", b"$5\r\nab\r\nc\r\n", b"$2\r\n", b"$-1\r\n"),
        *(b"+a\r\n", b"+abc\r\n", b"(1\r\n", b"=5\r\ntxt:a\r\n", b":1\r\n", b"#t\r\n", b"_\r\n", b"-a\r\n", b"-\xff\r\n"),
        *(b"~1\r\n", b"%1\r\n", b">1\r\n", b"|1\r\n"),
        *(b"PING\r\n", b"PING 'a b'\n", b"\r\n", b"\n", b"\r", b'"', b" "),
        *(PING, pack(b"ECHO", b"a+b"), pack(b"ECHO", b"(x)"), pack(b"SET", b"k", b"~1\r\n"), pack(b"SET", b"", b"v" * 60)),
        pack(*[b"y"] * 12),
    ]
)
# What a header may announce, up to what no machine has.
SIZES = st.integers(-2, 3) | st.sampled_from([999, 1000, 16385, 2**20, 2**29, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 10**30])
HEADERS = st.builds(lambda kind, size: b"%b%d\r\n" % (kind, size), st.sampled_from([b"*", b"$", b"%", b"~", b">", b"|", b"="]), SIZES)

STREAMS = st.lists(PIECES, max_size=12).map(b"".join) | st.binary(max_size=60)
HOSTILE_STREAMS = st.lists(HEADERS | PIECES, max_size=12).map(b"".join)
PLACES = st.lists(st.integers(0, 2**16), max_size=6)
LIMITS = st.sampled_from([Limits(), Limits(bulk=20, query_buffer=1000), Limits(query_buffer=40), Limits(query_buffer=64, bulk=50)])
