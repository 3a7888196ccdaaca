"""Replies: a plain Python value becomes RESP2 or RESP3 bytes. Only this module knows how the two differ.

| value | RESP2 | RESP3 |
|---|---|---|
| None | null bulk string | null |
| bool, int | integer | boolean, integer |
| float | bulk string | double |
| bytes, str (UTF-8) | bulk string | bulk string |
| list, tuple | array | array |
| dict | flat array | map |
| set, frozenset, Members | array | set |
| WireError | error | error |
| Status | simple string | simple string |
| Verbatim | bulk string | verbatim string |
| Push | array | push |
| Several | each of its items, one after the other | the same |
| NULL_ARRAY | null array | null |
| Raw | as it is | as it is |
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from protocol.errors import WireError
from protocol.number import format_float
from protocol.text import encode as encode_text

__all__ = [
    "NULL_ARRAY",
    "OK",
    "PONG",
    "QUEUED",
    "RESET",
    "RESP2",
    "RESP3",
    "Members",
    "NullArray",
    "Push",
    "Raw",
    "Several",
    "Status",
    "Verbatim",
    "bulk",
    "chunks",
    "encode",
]

RESP2 = 2
RESP3 = 3

_CRLF = b"\r\n"
_LINE_ENDS = str.maketrans("\r\n", "  ")


def _octets(text: str) -> bytes:
    """UTF-8; a byte that could not be decoded becomes itself again, a lone surrogate that a client escaped in JSON a question mark."""
    try:
        return encode_text(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Status:
    """A simple string, `+OK`. Line ends in it become spaces."""

    text: str
    wire: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wire", b"+%b\r\n" % _octets(self.text.translate(_LINE_ENDS)))


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Text for people, such as that of INFO; `format` is three characters."""

    text: str | bytes
    format: str = "txt"


@dataclass(frozen=True, slots=True)
class Members:
    """A set whose members have an order, or are maps, which a set of Python cannot hold."""

    items: Sequence[object]


@dataclass(frozen=True, slots=True)
class Push:
    """An out-of-band message, such as one of publish/subscribe."""

    items: Sequence[object]


@dataclass(frozen=True, slots=True)
class Several:
    """The replies of a command that gives more than one, such as SUBSCRIBE for each of its channels.

    They are messages: sent where the client wants no replies, too. In the array of an EXEC each stands for itself, as in Redis,
    though the array counts one item per command.
    """

    items: Sequence[object]


@dataclass(frozen=True, slots=True)
class NullArray:
    """No array, as distinct from no string in RESP2: what EXEC answers when a watched key has changed."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that are a whole reply already."""

    wire: bytes


OK = Status("OK")
PONG = Status("PONG")
QUEUED = Status("QUEUED")
RESET = Status("RESET")
NULL_ARRAY = NullArray()


def encode(value: object, protocol: int) -> bytes:
    """The reply `value` in the version of RESP that `protocol` (RESP2 or RESP3) says. Raises TypeError on a value that is no reply."""
    parts: list[bytes] = []
    _write(value, protocol, parts)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def chunks(value: object, protocol: int) -> list[bytes]:
    """As `encode`, in pieces for `transport.writelines`: a large string is a piece of its own, not a copy."""
    parts: list[bytes] = []
    _write(value, protocol, parts)
    return parts


def bulk(data: bytes) -> bytes:
    """A bulk string, the same in RESP2 and RESP3."""
    return b"".join((b"$%d\r\n" % len(data), data, _CRLF))


_Parts = list[bytes]
_Writer = Callable[[Any, int, _Parts], None]


def _write(value: object, protocol: int, parts: _Parts) -> None:
    writer = _WRITERS.get(type(value)) or _inherited(type(value))
    writer(value, protocol, parts)


def _inherited(kind: type) -> _Writer:
    """The writer of a subclass, such as an IntEnum or a named tuple: that of its nearest base."""
    for base in kind.__mro__:
        if base in _WRITERS:
            return _WRITERS[base]
    raise TypeError(f"{kind.__name__} is no reply; expected one of {', '.join(known.__name__ for known in _WRITERS)}")


def _write_null(value: None, protocol: int, parts: _Parts) -> None:
    parts.append(b"$-1\r\n" if protocol == RESP2 else b"_\r\n")


def _write_null_array(value: NullArray, protocol: int, parts: _Parts) -> None:
    parts.append(b"*-1\r\n" if protocol == RESP2 else b"_\r\n")


def _write_boolean(value: bool, protocol: int, parts: _Parts) -> None:
    if protocol == RESP2:
        parts.append(b":1\r\n" if value else b":0\r\n")
    else:
        parts.append(b"#t\r\n" if value else b"#f\r\n")


def _write_integer(value: int, protocol: int, parts: _Parts) -> None:
    parts.append(b":%d\r\n" % value)


def _write_float(value: float, protocol: int, parts: _Parts) -> None:
    text = format_float(value)
    parts.append(b"$%d\r\n%b\r\n" % (len(text), text) if protocol == RESP2 else b",%b\r\n" % text)


def _write_bytes(value: bytes, protocol: int, parts: _Parts) -> None:
    parts += (b"$%d\r\n" % len(value), value, _CRLF)


def _write_text(value: str, protocol: int, parts: _Parts) -> None:
    _write_bytes(_octets(value), protocol, parts)


def _write_verbatim(value: Verbatim, protocol: int, parts: _Parts) -> None:
    text = _octets(value.text) if isinstance(value.text, str) else value.text
    if protocol == RESP2:
        _write_bytes(text, protocol, parts)
    else:
        parts += (b"=%d\r\n%b:" % (len(text) + 4, value.format.encode("ascii")), text, _CRLF)


def _write_error(value: WireError, protocol: int, parts: _Parts) -> None:
    text = f"{value.code} {value}".strip("\r\n").translate(_LINE_ENDS)
    parts.append(b"-%b\r\n" % _octets(text))


def _write_wire(value: Status | Raw, protocol: int, parts: _Parts) -> None:
    parts.append(value.wire)


def _write_array(value: Sequence[object], protocol: int, parts: _Parts) -> None:
    parts.append(b"*%d\r\n" % len(value))
    for item in value:
        _write(item, protocol, parts)


def _write_map(value: dict[object, object], protocol: int, parts: _Parts) -> None:
    parts.append(b"*%d\r\n" % (2 * len(value)) if protocol == RESP2 else b"%%%d\r\n" % len(value))
    for key, item in value.items():
        _write(key, protocol, parts)
        _write(item, protocol, parts)


def _write_set(value: Collection[object], protocol: int, parts: _Parts) -> None:
    parts.append((b"*%d\r\n" if protocol == RESP2 else b"~%d\r\n") % len(value))
    for item in value:
        _write(item, protocol, parts)


def _write_members(value: Members, protocol: int, parts: _Parts) -> None:
    _write_set(value.items, protocol, parts)


def _write_push(value: Push, protocol: int, parts: _Parts) -> None:
    parts.append((b"*%d\r\n" if protocol == RESP2 else b">%d\r\n") % len(value.items))
    for item in value.items:
        _write(item, protocol, parts)


def _write_several(value: Several, protocol: int, parts: _Parts) -> None:
    for item in value.items:
        _write(item, protocol, parts)


_WRITERS: dict[type, _Writer] = {
    type(None): _write_null,
    NullArray: _write_null_array,
    bool: _write_boolean,
    int: _write_integer,
    float: _write_float,
    bytes: _write_bytes,
    str: _write_text,
    Status: _write_wire,
    Raw: _write_wire,
    Verbatim: _write_verbatim,
    WireError: _write_error,
    list: _write_array,
    tuple: _write_array,
    dict: _write_map,
    set: _write_set,
    frozenset: _write_set,
    Members: _write_members,
    Push: _write_push,
    Several: _write_several,
}
