"""The careful request parser: every byte looked at in Python, every limit checked before memory is spent.

It alone says what a request is; the fast lane of `protocol.request` may only ever agree with it. What it finds depends on the bytes alone,
never on how they were cut into chunks, and a client that sends one byte at a time costs linear time.
"""

from dataclasses import dataclass
from io import BytesIO

from protocol.errors import ProtocolError, QueryBufferExceeded
from protocol.inline import split_words
from protocol.number import parse_integer
from protocol.text import decode

__all__ = ["Limits", "Scanner"]

# As Redis: PROTO_INLINE_MAX_SIZE, INT_MAX, and its two limits for clients that have not authenticated.
_MAX_LINE = 64 * 1024
_MAX_COUNT = 2**31 - 1
_MAX_COUNT_UNAUTHENTICATED = 10
_MAX_BULK_UNAUTHENTICATED = 16384

_ASTERISK = ord("*")
_UNKNOWN = -1

_LARGE = 256 * 1024
"""Arguments from this size on are put together as they arrive: copied at the end, the largest would take the better part of a second."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one client may send, in bytes; names and defaults are Redis'.

    bulk: of one argument (proto-max-bulk-len).
    query_buffer: of one whole request (client-query-buffer-limit).
    """

    bulk: int = 512 * 1024 * 1024
    query_buffer: int = 1024 * 1024 * 1024


class Scanner:
    """Takes bytes in any chunking, gives requests one by one."""

    __slots__ = ("_arguments", "_buffer", "_edge", "_large", "_length", "_missing", "_position", "_searched", "authenticated", "limits")

    def __init__(self, limits: Limits, *, authenticated: bool) -> None:
        self.limits = limits
        self.authenticated = authenticated
        self._buffer = bytearray()
        self._position = 0  # of the next byte to read
        self._searched = 0  # there is no end of the current line before this
        self._edge = 0  # where the query buffer limit ends for the current request
        self._arguments: list[bytes] = []
        self._missing = 0  # arguments of the current request still to come
        self._length = _UNKNOWN  # of the argument that comes next, once its header was read
        self._large: BytesIO | None = None  # that argument as far as it has arrived, if it is large; its value is then got without a copy

    @property
    def buffered(self) -> int:
        """Bytes that were fed and not yet read."""
        return len(self._buffer) - self._position + (self._large.tell() if self._large else 0)

    @property
    def between_requests(self) -> bool:
        """Whether nothing of the next request was looked at yet."""
        return not self._missing and self._searched == self._position

    @property
    def idle(self) -> bool:
        """Whether all that was fed was read, and made whole requests."""
        return not self._missing and self._position == len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Append what the client sent."""
        if self._large is not None and (missing := self._length - self._large.tell()):
            self._large.write(memoryview(data)[:missing])
            data = data[missing:]
        self._buffer += data

    def take(self) -> bytes:
        """Hand over all bytes not yet read. Only between requests."""
        data = bytes(memoryview(self._buffer)[self._position :])
        self._buffer = bytearray()
        self._position = self._searched = 0
        return data

    def next(self) -> list[bytes] | None:
        """The next request, never an empty one; None when more bytes are needed.

        Raises:
            ProtocolError: the stream cannot be read any further; the scanner must not be used again.
        """
        while (request := self._read_request()) is not None:
            if request:
                if self._position == len(self._buffer):
                    self._forget()
                return request
        if len(self._buffer) > max(self._edge, self._position):
            raise QueryBufferExceeded(self.limits.query_buffer)
        self._forget()
        return None

    def _read_request(self) -> list[bytes] | None:
        if not self._missing:
            if self._position == len(self._buffer):
                return None
            self._edge = self._position + self.limits.query_buffer
            if self._buffer[self._position] != _ASTERISK:
                return self._read_inline()
            if not self._read_count():
                return None
        while self._missing:
            if not self._read_argument():
                return None
        request, self._arguments = self._arguments, []
        return request

    def _read_inline(self) -> list[bytes] | None:
        line = self._read_line(b"\n", 1, "too big inline request")
        if line is None:
            return None
        words = split_words(line.removesuffix(b"\r"))
        if words is None:
            raise ProtocolError("unbalanced quotes in request")
        return words

    def _read_count(self) -> bool:
        line = self._read_line(b"\r", 2, "too big mbulk count string")
        if line is None:
            return False
        count = parse_integer(line[1:])
        if count is None or count > _MAX_COUNT:
            raise ProtocolError("invalid multibulk length")
        if count > _MAX_COUNT_UNAUTHENTICATED and not self.authenticated:
            raise ProtocolError("unauthenticated multibulk length")
        self._missing = max(count, 0)
        return True

    def _read_argument(self) -> bool:
        if self._length == _UNKNOWN and not self._read_length():
            return False
        if self._length >= _LARGE and self._large is None:
            self._begin_large()
        end = self._position + (0 if self._large else self._length)
        if end + 2 > len(self._buffer):
            return False
        if self._large is None:
            self._arguments.append(bytes(memoryview(self._buffer)[self._position : end]))
        else:
            self._arguments.append(self._large.getvalue())
            self._large = None
        self._position = self._searched = end + 2  # as Redis: what the two bytes are is not checked
        self._length = _UNKNOWN
        self._missing -= 1
        return True

    def _begin_large(self) -> None:
        """Take what there is of the next argument out of the buffer; the rest goes past it."""
        self._large = BytesIO()
        end = self._position + self._length
        with memoryview(self._buffer) as whole, whole[self._position : end] as arrived:
            self._large.write(arrived)
        del self._buffer[self._position : end]
        self._edge -= self._length

    def _read_length(self) -> bool:
        line = self._read_line(b"\r", 2, "too big bulk count string")
        if line is None:
            return False
        if not line.startswith(b"$"):
            raise ProtocolError(f"expected '$', got '{_first_character(line)}'")
        length = parse_integer(line[1:])
        if length is None or not 0 <= length <= self.limits.bulk:
            raise ProtocolError("invalid bulk length")
        if length > _MAX_BULK_UNAUTHENTICATED and not self.authenticated:
            raise ProtocolError("unauthenticated bulk length")
        if self._position + length + 2 > self._edge:
            raise QueryBufferExceeded(self.limits.query_buffer)
        self._length = length
        return True

    def _read_line(self, end: bytes, width: int, too_big: str) -> bytes | None:
        """The bytes before `end`, a line end of `width` bytes; None while it is not there. `too_big`: the error over 64 KB without one."""
        # Looking no further than the query buffer limit makes the outcome the same however much has arrived beyond it.
        visible = min(len(self._buffer), self._edge)
        found = self._buffer.find(end, self._searched, visible)
        stop = found if found >= 0 else visible
        if stop - self._position > _MAX_LINE:
            raise ProtocolError(too_big)
        if found < 0 or found + width > visible:
            self._searched = stop
            return None
        line = bytes(self._buffer[self._position : found])
        self._position = self._searched = found + width
        return line

    def _forget(self) -> None:
        """Let go of the bytes already read."""
        if self._position:
            del self._buffer[: self._position]
            self._searched -= self._position
            self._edge -= self._position
            self._position = 0


def _first_character(line: bytes) -> str:
    """The first byte as an error text shows it; that of an empty line is its line end."""
    return decode((line or b"\r")[:1])
