import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import inline
from protocol.inline import split_words
from protocol.reply import RESP2, encode
from tests.protocol.conftest import Ask


def test_public_names():
    assert inline.__all__ == ["split_words"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", []),
        (b" \t\v\f\r ", []),
        (b"PING", [b"PING"]),
        (b"  a\tb\vc  d ", [b"a", b"b\vc", b"d"]),
        (b"\va", [b"a"]),
        (b"a\v", [b"a\v"]),
        (b"a \f", [b"a"]),
        (b"a\\nb", [b"a\\nb"]),
        (b"\"\" ''", [b"", b""]),
        (b'"a b" c', [b"a b", b"c"]),
        (b'a"b c"', [b"ab c"]),
        (b"a'b c'", [b"ab c"]),
        (b'"a"\vb', [b"a", b"b"]),
        (rb'"a\x41\x0a\n\r\t\b\a\"\\\q\x4"', [b'aA\n\n\r\t\b\a"\\qx4']),
        (rb"'a\'b\n\x41'", [rb"a'b\n\x41"]),
        (b'"it\'s"', [b"it's"]),
        (b"a\0b", [b"a\0b"]),
        (b"\xff\xfe", [b"\xff\xfe"]),
        (b'"a\nb"', [b"a\nb"]),
    ],
)
def test_words(line: bytes, words: list[bytes]):
    assert split_words(line) == words


@pytest.mark.parametrize(
    "line",
    [b'"a', b"'a", b'a"', b"a b'", b'"a"b', b"'a'b", b'"a""b"', b"'a''b'", b'a"b"c', b'"a\\', b'"a\\"', rb"'a\'", b'a\vb"c', b'a\vb"c"d'],
)
def test_unbalanced_quotes(line: bytes):
    assert split_words(line) is None


def quote(word: bytes) -> bytes:
    return b'"%b"' % b"".join(b"\\x%02x" % byte for byte in word)


@given(st.lists(st.binary(max_size=8), max_size=5))
def test_quoted_words_come_back(words: list[bytes]):
    assert split_words(b" ".join(map(quote, words))) == words


@given(st.text(alphabet="ab\"'\\ \vxn4", max_size=12).map(str.encode))
def test_a_line_end_or_blanks_around_change_nothing(line: bytes):
    assert split_words(b"\t " + line + b" \r") == split_words(line)


LINES = [
    rb'a "b\x41\n"',
    rb"'a\'b' c",
    b'a"b c"',
    b'"a"b',
    b"'a",
    b'"a\\',
    rb"'a\'",
    b'a\vb"c"d',
    b"\va\x0bb",
    rb'"\x4g\q"',
    b'"" x',
    b'"\xff" \xfe',
]
# Without a line end, which ends the line, and NUL: Redis takes its buffer for a C string, and would wait for the line end for ever.
PARTS = st.sampled_from(
    [rb"\\", rb"\x41", rb"\x4", rb"\n", rb"\"", rb"\'", b'"', b"'", b" ", b"\t", b"\v", b"\f", b"\r", b"a", b"\xff", b"\x01"]
)
OTHERS = st.binary(max_size=8).map(lambda data: data.replace(b"\n", b"").replace(b"\0", b""))


@pytest.mark.parametrize("line", LINES)
def test_lines_read_as_redis_reads_them(line: bytes, ask_redis):
    compare(line, ask_redis)


@settings(deadline=None)
@given(line=st.lists(PARTS | OTHERS, max_size=12).map(b"".join))
def test_any_line_reads_as_redis_reads_it(line: bytes, ask_redis):
    compare(line, ask_redis)


def compare(line: bytes, ask_redis: Ask) -> None:
    words = split_words(line.removesuffix(b"\r"))
    answer = ask_redis(b"DEL words\nRPUSH words words " + line + b"\nLRANGE words 0 -1\n")
    if words is None:
        assert answer.split(b"\r\n", 1)[1] == b"-ERR Protocol error: unbalanced quotes in request\r\n"
    else:
        assert answer.split(b"\r\n", 2)[2] == encode([b"words", *words], RESP2)
