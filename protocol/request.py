"""Requests: what the client sent, as lists of arguments.

Two lanes. Almost all traffic is arrays of bulk strings that arrive whole: those go through hiredis' reader. That reader is made for the
replies of a trusted server: it accepts types no client may send, allocates what a header announces and does not tell where a message
ends. So it is never trusted: it only sees chunks that cannot make it allocate much, and what it finds counts where it is proven to be what
the careful `Scanner` would have found. The rest of the chunk, if any, goes through the scanner.

Not done here: a request whose command is `POST` or `Host:` is a browser tricked into talking to us; dispatch closes such connections, as
Redis does.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

import hiredis

from protocol.errors import ProtocolError
from protocol.scanner import Limits, Scanner

__all__ = ["Limits", "RequestParser", "pack_request"]

# As much as asyncio reads at once. Larger chunks hold large arguments, which the scanner copies as fast as hiredis does.
_MAX_FAST = 256 * 1024
# Bytes that are likely to hold many requests.
_MANY = 4 * 1024
# The reader keeps its buffer, which an idle client need not have; as hiredis' own REDIS_READER_MAX_BUF.
_MAX_KEPT = 16 * 1024
# hiredis allocates the slots of an array before its elements have come, and nests up to 1024 deep: at most 999 slots keep that under 8 MB.
_LARGE_ARRAY = re.compile(rb"\*[0-9]{4}")
# The types hiredis gives as bytes, or as lists of bytes, although they are neither bulk strings nor arrays. All others it gives as another
# Python type. Mostly these bytes are just part of somebody's text; after all but the plus sign only digits can follow.
_LOOKALIKES = b"+(=%~>|"
_LOOKALIKE = re.compile(rb"[(=%~>|][-0-9]*\r\n")
_OTHER_AGGREGATE = re.compile(rb"[%~>|][0-9]+\r\n")

pack_request = cast(Callable[[tuple[bytes, ...]], bytes], hiredis.pack_command)
"""The bytes that nearly every client sends for a request: an array of bulk strings."""


class RequestParser:
    """Bytes in, requests out; keeps what is incomplete. Requests before a malformed one are always given first.

    Requests come one by one while `authenticated` is false, so that a pipelined AUTH lifts the limits for what follows it: set the
    attribute as soon as it succeeds.
    """

    __slots__ = ("_error", "_max_fast", "_reader", "_ready", "_scanner", "_untried", "_waiting")

    def __init__(self, limits: Limits | None = None, *, authenticated: bool = True) -> None:
        self._scanner = Scanner(Limits(), authenticated=authenticated)
        self.limits = limits or Limits()
        self._waiting = False  # whether the scanner holds bytes, or the beginning of a request
        self._reader = hiredis.Reader()
        self._ready: deque[list[bytes]] = deque()
        self._untried = False  # whether the scanner holds bytes that the fast lane has not seen; it sees each at most once
        self._error: ProtocolError | None = None

    @property
    def authenticated(self) -> bool:
        """Whether the strict limits for unknown clients are off."""
        return self._scanner.authenticated

    @authenticated.setter
    def authenticated(self, value: bool) -> None:
        self._scanner.authenticated = value

    @property
    def limits(self) -> Limits:
        """The limits in force; may be replaced at any time."""
        return self._scanner.limits

    @limits.setter
    def limits(self, value: Limits) -> None:
        self._scanner.limits = value
        self._max_fast = min(_MAX_FAST, value.bulk, value.query_buffer)

    @property
    def buffered(self) -> int:
        """Bytes held that are not yet a request."""
        return self._scanner.buffered

    @property
    def idle(self) -> bool:
        """Whether the next byte begins a request. `buffered` alone does not tell: arguments that were read are no bytes any more."""
        return not (self._waiting or self._ready)

    def feed(self, data: bytes) -> None:
        """Take what the client sent. Take out all requests before feeding more, or memory grows. Ignored after an error."""
        if self._error is not None:
            return
        if self._waiting or not self._scanner.authenticated:
            self._untried = True
        else:
            taken = self._read_ahead(data)
            if taken == len(data):
                return
            data = data[taken:]
        self._scanner.feed(data)
        self._waiting = True

    def clear(self) -> None:
        """Let go of the bytes held: their end will not come."""
        self._scanner = Scanner(self.limits, authenticated=self.authenticated)
        self._waiting = self._untried = False

    def next(self) -> list[bytes] | None:
        """The next request: its command and arguments, never empty; None when more bytes are needed.

        Raises:
            ProtocolError: send it and close the connection; every later call raises it again.
        """
        if self._waiting and not self._ready:
            self._scan()
        if self._ready:
            return self._ready.popleft()
        if self._error is not None:
            raise self._error
        return None

    def drain(self) -> list[list[bytes]]:
        """As many requests as are at hand, empty when more bytes are needed: call again until then. Raises as `next`."""
        if not self._ready:
            request = self.next()
            if request is None:
                return []
            self._ready.appendleft(request)
        requests = list(self._ready)
        self._ready.clear()
        return requests

    def _scan(self) -> None:
        """Get at least one more request ready if the bytes held make one."""
        scanner = self._scanner
        if self._untried and scanner.authenticated and scanner.between_requests:
            self._untried = False
            data = scanner.take()
            scanner.feed(data[self._read_ahead(data) :])
        if not self._ready:
            self._scan_one()
        self._waiting = self._error is None and not scanner.idle

    def _scan_one(self) -> None:
        try:
            request = self._scanner.next()
        except ProtocolError as error:
            self._error = error.with_traceback(None)  # whose frames would keep the bytes
            self.clear()
        else:
            if request is not None:
                self._ready.append(request)

    def _read_ahead(self, data: bytes) -> int:
        """Read the requests that `data`, which begins one, holds; how many bytes of it they are. 0 says nothing about the rest.

        Of many, the last is most often cut. It is tried apart from those before it, which would have to be written again to be proven.
        """
        last = data.rfind(b"\r\n*") if _MANY < len(data) <= self._max_fast else -1
        if last < 0:
            return self._read_requests(data)
        edge = last + len(b"\r\n")
        taken = self._read_requests(data[:edge])
        return taken + self._read_requests(data[edge:]) if taken == edge else taken

    def _read_requests(self, data: bytes) -> int:
        """As `_read_ahead`, in one go."""
        if len(data) > self._max_fast or not data.startswith(b"*") or _LARGE_ARRAY.search(data):
            return 0
        plain = len(data.translate(None, _LOOKALIKES)) == len(data) or not (b"+" in data or _LOOKALIKE.search(data))
        if not plain and _OTHER_AGGREGATE.search(data):
            return 0
        requests, complete = self._read_all(data)
        proven = plain and complete
        if not proven or len(data) > _MAX_KEPT:
            self._reader = hiredis.Reader()
        # Not proven: the reader holds an incomplete message, or may have taken something else for bulk strings.
        count, size = (len(requests), len(data)) if proven else _agreeing(requests, data)
        self._ready.extend(requests[:count])
        return size

    def _read_all(self, data: bytes) -> tuple[list[list[bytes]], bool]:
        """The non-empty lists of bytes that hiredis finds at the start of `data`, and whether they are all of it."""
        reader = self._reader
        reader.feed(data)
        requests: list[list[bytes]] = []
        try:
            while reader.has_data():
                request = reader.gets()
                if not request:  # incomplete, an empty array, or none at all
                    return requests, False
                b"".join(request)  # the cheapest way to a TypeError where not all elements are bytes
                requests.append(request)
        except (hiredis.ProtocolError, TypeError):
            return requests, False
        return requests, True


def _agreeing(requests: Sequence[list[bytes]], data: bytes) -> tuple[int, int]:
    """How many of the requests, written again, are what `data` begins with, and their size in bytes."""
    size = 0
    for count, request in enumerate(requests):
        packed = pack_request(tuple(request))
        if not data.startswith(packed, size):
            return count, size
        size += len(packed)
    return len(requests), size
