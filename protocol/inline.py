"""Inline commands: a line of words, as typed into telnet or sent by a health probe."""

import re

__all__ = ["split_words"]

_BLANKS = re.compile(rb"[ \t\n\v\f\r]*+")  # as C's isspace; but within a plain word \v and \f are part of it
# A word is a plain run, then at most one quoted part that ends it: `ab"c d"` is one word, as in Redis. The possessive quantifiers keep an
# escaped quote escaped when the closing one is missing, and the time linear.
_WORD = re.compile(
    rb"""([^ \t\n\r"']*+)(?:"((?:\\.|[^"\\])*+)"|'((?:\\'|[^'])*+)')?(?=[ \t\n\v\f\r]|\Z)""",
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(?:x(?P<hex>[0-9a-fA-F]{2})|(?P<byte>.))", re.DOTALL)
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}


def split_words(line: bytes) -> list[bytes] | None:
    """The words of a line without its line end, or None where its quotes are unbalanced.

    In double quotes the escapes are those of C strings (`\\n`, `\\x41`, `\\"`), in single quotes only `\\'` is one.
    """
    words = []
    position = _skip_blanks(line, 0)
    while position < len(line):
        match = _WORD.match(line, position)
        if match is None:
            return None
        words.append(_value(match))
        position = _skip_blanks(line, match.end())
    return words


def _skip_blanks(line: bytes, position: int) -> int:
    blanks = _BLANKS.match(line, position)
    return blanks.end() if blanks else position


def _value(match: re.Match[bytes]) -> bytes:
    plain, double, single = match.groups()
    if double is not None:
        plain += _ESCAPE.sub(_unescape, double)
    elif single is not None:
        plain += single.replace(rb"\'", b"'")
    return bytes(plain)


def _unescape(match: re.Match[bytes]) -> bytes:
    if match["hex"] is not None:
        return bytes.fromhex(match["hex"].decode("ascii"))
    byte = match["byte"]
    return _CONTROLS.get(byte, byte)
