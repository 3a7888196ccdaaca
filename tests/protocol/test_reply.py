import enum
import math
from collections import namedtuple

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import reply
from protocol.errors import CommandError, ProtocolError
from protocol.reply import (
    NULL_ARRAY,
    OK,
    PONG,
    QUEUED,
    RESET,
    RESP2,
    RESP3,
    Members,
    NullArray,
    Push,
    Raw,
    Several,
    Status,
    Verbatim,
    bulk,
    chunks,
    encode,
)
from tests.protocol.streams import cut


def decode(wire: bytes) -> object:
    """What hiredis reads from one whole reply."""
    reader = hiredis.Reader()
    reader.feed(wire)
    value = reader.gets()
    assert not reader.has_data()
    return value


def test_public_names():
    names = "NULL_ARRAY OK PONG QUEUED RESET RESP2 RESP3 Members NullArray Push Raw Several Status Verbatim bulk chunks encode"
    assert set(reply.__all__) == set(names.split())


@pytest.mark.parametrize(
    ("value", "resp2", "resp3"),
    [
        (None, b"$-1\r\n", b"_\r\n"),
        (NULL_ARRAY, b"*-1\r\n", b"_\r\n"),
        (True, b":1\r\n", b"#t\r\n"),
        (False, b":0\r\n", b"#f\r\n"),
        (0, b":0\r\n", b":0\r\n"),
        (-12, b":-12\r\n", b":-12\r\n"),
        (3.0, b"$1\r\n3\r\n", b",3\r\n"),
        (0.25, b"$4\r\n0.25\r\n", b",0.25\r\n"),
        (math.inf, b"$3\r\ninf\r\n", b",inf\r\n"),
        (-math.inf, b"$4\r\n-inf\r\n", b",-inf\r\n"),
        (math.nan, b"$3\r\nnan\r\n", b",nan\r\n"),
        (b"a\r\nb", b"$4\r\na\r\nb\r\n", b"$4\r\na\r\nb\r\n"),
        ("\u00e9", b"$2\r\n\xc3\xa9\r\n", b"$2\r\n\xc3\xa9\r\n"),
        ("", b"$0\r\n\r\n", b"$0\r\n\r\n"),
        ([], b"*0\r\n", b"*0\r\n"),
        ([1, "a"], b"*2\r\n:1\r\n$1\r\na\r\n", b"*2\r\n:1\r\n$1\r\na\r\n"),
        ((1, [None]), b"*2\r\n:1\r\n*1\r\n$-1\r\n", b"*2\r\n:1\r\n*1\r\n_\r\n"),
        ({"a": 1, "b": None}, b"*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n$-1\r\n", b"%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n_\r\n"),
        ({}, b"*0\r\n", b"%0\r\n"),
        ({7}, b"*1\r\n:7\r\n", b"~1\r\n:7\r\n"),
        (frozenset({"x"}), b"*1\r\n$1\r\nx\r\n", b"~1\r\n$1\r\nx\r\n"),
        (Members([{"a": 1}, "b"]), b"*2\r\n*2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n", b"~2\r\n%1\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n"),
        (Members(()), b"*0\r\n", b"~0\r\n"),
        (Push(["message", "c", b"x"]), b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n", b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n"),
        (Several([Push(["a"]), 1]), b"*1\r\n$1\r\na\r\n:1\r\n", b">1\r\n$1\r\na\r\n:1\r\n"),
        (Several([]), b"", b""),
        ([Several([Push([1]), Push([2])])], b"*1\r\n*1\r\n:1\r\n*1\r\n:2\r\n", b"*1\r\n>1\r\n:1\r\n>1\r\n:2\r\n"),
        (Verbatim("hi"), b"$2\r\nhi\r\n", b"=6\r\ntxt:hi\r\n"),
        (Verbatim(b"# a", "mkd"), b"$3\r\n# a\r\n", b"=7\r\nmkd:# a\r\n"),
        (Raw(b"(123\r\n"), b"(123\r\n", b"(123\r\n"),
        (OK, b"+OK\r\n", b"+OK\r\n"),
        (PONG, b"+PONG\r\n", b"+PONG\r\n"),
        (QUEUED, b"+QUEUED\r\n", b"+QUEUED\r\n"),
        (RESET, b"+RESET\r\n", b"+RESET\r\n"),
        (CommandError("syntax error"), b"-ERR syntax error\r\n", b"-ERR syntax error\r\n"),
        (CommandError("x", "NOAUTH"), b"-NOAUTH x\r\n", b"-NOAUTH x\r\n"),
        (ProtocolError("y"), b"-ERR Protocol error: y\r\n", b"-ERR Protocol error: y\r\n"),
        ([OK, CommandError("x"), 1], b"*3\r\n+OK\r\n-ERR x\r\n:1\r\n", b"*3\r\n+OK\r\n-ERR x\r\n:1\r\n"),
    ],
)
def test_replies(value: object, resp2: bytes, resp3: bytes):
    assert encode(value, RESP2) == b"".join(chunks(value, RESP2)) == resp2
    assert encode(value, RESP3) == b"".join(chunks(value, RESP3)) == resp3


@pytest.mark.parametrize("protocol", [RESP2, RESP3])
@pytest.mark.parametrize("text", ["a\r\nb", "\r\n+OK\r\n", "\n", "a\rb\n", "\u4e2d\n\udcff\ud800"])
def test_simple_lines_never_contain_a_line_end(text: str, protocol: int):
    for value in (CommandError(text), CommandError("x", text), Status(text), ProtocolError(text)):
        wire = encode(value, protocol)
        assert wire.endswith(b"\r\n")
        assert not set(wire[:-2]) & set(b"\r\n")


def test_bytes_that_were_no_text_come_back_as_they_were():
    assert encode(CommandError(b"\xff\xfe".decode("utf-8", "surrogateescape")), RESP2) == b"-ERR \xff\xfe\r\n"


def test_a_lone_surrogate_becomes_a_question_mark():
    assert encode("a\ud800b", RESP2) == b"$3\r\na?b\r\n"


def test_subclasses_are_written_as_their_base():
    class Level(enum.IntEnum):
        HIGH = 3

    class Word(str):
        __slots__ = ()

    assert encode(Level.HIGH, RESP2) == b":3\r\n"
    assert encode(Word("w"), RESP3) == b"$1\r\nw\r\n"
    assert encode(namedtuple("Pair", "a b")(1, 2), RESP2) == b"*2\r\n:1\r\n:2\r\n"


@pytest.mark.parametrize("value", [object(), 1j, bytearray(b"x"), [object()], {"a": object()}])
def test_what_is_no_reply_is_a_type_error(value: object):
    with pytest.raises(TypeError, match="is no reply; expected one of NoneType, "):
        encode(value, RESP2)


def test_a_bulk_string():
    assert bulk(b"ab") == encode(b"ab", RESP2) == encode(b"ab", RESP3) == b"$2\r\nab\r\n"


def test_a_large_string_is_not_copied_into_the_pieces():
    large = b"x" * 100_000
    assert any(piece is large for piece in chunks([1, large], RESP3))


SIMPLE = st.text(st.characters(codec="ascii", exclude_characters="\r\n"), min_size=1)
DISTINCT = st.binary() | st.integers(-(2**63), 2**63 - 1)
"""Keys of a map that stay distinct on the wire, as a text and its bytes do not."""

KEYS = DISTINCT | st.text()
SCALARS = KEYS | st.none() | st.booleans() | st.floats(allow_nan=False) | st.just(NULL_ARRAY)
SCALARS |= st.builds(Status, SIMPLE) | st.builds(Verbatim, st.text() | st.binary()) | st.builds(CommandError, SIMPLE)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.lists(inner, max_size=4).map(Members)
        | st.sets(KEYS, max_size=4)
        | st.frozensets(KEYS, max_size=4)
        | st.dictionaries(DISTINCT, inner, max_size=4)
    ),
    max_leaves=12,
)


def seen(value: object, protocol: int) -> object:
    """What a client sees of a value: hiredis gives sets as lists, and errors as exceptions."""
    match value:
        case dict() if protocol == RESP2:
            return [seen(part, protocol) for pair in value.items() for part in pair]
        case dict():
            return {seen(key, protocol): seen(item, protocol) for key, item in value.items()}
        case Members(items) | Push(items):
            return [seen(item, protocol) for item in items]
        case list() | tuple() | set() | frozenset():
            return [seen(item, protocol) for item in value]
    return seen_scalar(value, protocol)


def seen_scalar(value: object, protocol: int) -> object:
    match value:
        case bool() | float() if protocol == RESP2:
            return int(value) if isinstance(value, bool) else reply.format_float(value)
        case str():
            return value.encode("utf-8", "replace")
        case Status(text) | Verbatim(text):
            return seen_scalar(text, protocol)
        case NullArray():
            return None
        case CommandError():
            return ("error", f"{value.code} {value}")
    return value


def comparable(value: object) -> object:
    """Errors compare by identity: their texts instead."""
    match value:
        case hiredis.ReplyError():
            return ("error", str(value))
        case list():
            return [comparable(item) for item in value]
        case dict():
            return {key: comparable(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("protocol", [RESP2, RESP3])
@given(value=VALUES | st.lists(VALUES, min_size=1, max_size=4).map(Push))
def test_clients_read_what_was_written(value: object, protocol: int):
    wire = encode(value, protocol)
    assert comparable(decode(wire)) == seen(value, protocol)
    assert b"".join(chunks(value, protocol)) == wire


@pytest.mark.parametrize("protocol", [RESP2, RESP3])
@given(values=st.lists(VALUES, max_size=5), places=st.lists(st.integers(0, 2**16), max_size=5))
def test_replies_keep_their_bounds(values: list[object], places: list[int], protocol: int):
    reader = hiredis.Reader(notEnoughData=Ellipsis)
    found = []
    for piece in cut(b"".join(encode(value, protocol) for value in values), places):
        reader.feed(piece)
        while (value := reader.gets()) is not Ellipsis:
            found.append(comparable(value))
    assert found == [seen(value, protocol) for value in values]
