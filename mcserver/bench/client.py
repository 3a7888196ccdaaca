"""Clients of the benchmark: a blocking one to prepare and check, and a closed-loop load generator over many connections."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Any, Self, cast

import hiredis

from mcserver.bench.cost import Cost

Argument = str | bytes | int | float
Reply = Any  # whatever the reader made of the bytes: bytes, int, float, None, list, dict

HOST = "127.0.0.1"
_WAITING = object()


def pack(arguments: Sequence[Argument]) -> bytes:
    """One command as the bytes of a request."""
    packed: bytes = hiredis.pack_command(cast(Any, tuple(arguments)))  # its stub knows tuples of one element only
    return packed


class LoadError(Exception):
    """A server answered an error, closed a connection, or did not finish in time."""


class Client:
    """One blocking connection."""

    def __init__(self, port: int, *, timeout: float = 60.0) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=timeout)
        self._reader = hiredis.Reader(notEnoughData=_WAITING)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def call(self, *arguments: Argument) -> Reply:
        """Send one command and wait for its reply. Raises LoadError on an error reply, OSError when the connection fails."""
        self._socket.sendall(pack(arguments))
        while (reply := self._reader.gets()) is _WAITING:
            chunk = self._socket.recv(65536)
            if not chunk:
                raise ConnectionResetError(f"the server closed the connection before it answered {arguments[0]!r}")
            self._reader.feed(chunk)
        if isinstance(reply, hiredis.ReplyError):
            raise LoadError(str(reply))
        return reply


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load: seconds from the first request to the last reply; latencies (seconds) and replies in request order."""

    seconds: float
    latencies: tuple[float, ...]
    replies: tuple[Reply, ...]

    def cost(self, processor: float) -> Cost:
        """What it took, with the processor time that the server used for it."""
        return Cost(len(self.replies), self.seconds, processor, self.latencies)


def load(port: int, requests: Sequence[Sequence[Argument]], *, clients: int, depth: int = 1, patience: float = 300.0) -> Load:
    """Send `requests` over `clients` connections, each with at most `depth` unanswered at a time, and time every one.

    A connection sends its next request when a reply arrives, so the number in flight stays at clients * depth until the requests run out.
    Raises LoadError at the first error reply, when a connection is lost, or after `patience` seconds.
    """
    packed = [pack(request) for request in requests]
    return asyncio.run(_load(port, packed, clients, depth, patience))


async def _load(port: int, packed: list[bytes], clients: int, depth: int, patience: float) -> Load:
    loop = asyncio.get_running_loop()
    work = _Work(packed, loop.create_future())
    transports = []
    try:
        for _ in range(min(clients, len(packed))):
            transport, connection = await loop.create_connection(lambda: _Connection(work), HOST, port)
            transports.append((transport, connection))
        started = perf_counter()
        for _, connection in transports:
            connection.start(depth)
        async with asyncio.timeout(patience):
            await work.done
        return Load(perf_counter() - started, tuple(work.latencies), tuple(work.replies))
    except TimeoutError:
        raise LoadError(f"{work.missing} of {len(packed)} requests were not answered within {patience:g} s") from None
    finally:
        for transport, _ in transports:
            transport.abort()


class _Work:
    """The requests still to send and what came back."""

    def __init__(self, packed: list[bytes], done: "asyncio.Future[None]") -> None:
        self.packed = packed
        self.done = done
        self.missing = len(packed)
        self.latencies = [0.0] * len(packed)
        self.replies: list[Reply] = [None] * len(packed)
        self._next = 0
        if not packed:
            done.set_result(None)

    def take(self) -> int | None:
        """The number of the next request, None when all are sent."""
        if self._next == len(self.packed):
            return None
        self._next += 1
        return self._next - 1

    def answer(self, number: int, reply: Reply, latency: float) -> None:
        """Note a reply; the last one ends the load."""
        if isinstance(reply, hiredis.ReplyError):
            self.fail(f"request {number} was answered with an error: {reply}")
            return
        self.replies[number] = reply
        self.latencies[number] = latency
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(None)

    def fail(self, message: str) -> None:
        """End the load with an error, unless it has ended."""
        if not self.done.done():
            self.done.set_exception(LoadError(message))


class _Connection(asyncio.Protocol):
    """One connection of the load: raw writes, hiredis' reader, no task and no future per request."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._reader = hiredis.Reader(notEnoughData=_WAITING)
        self._sent: deque[tuple[int, float]] = deque()
        self._write: Callable[[bytes], None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_connection gives, narrowed for the type checker
        self._write = transport.write

    def start(self, depth: int) -> None:
        """Send the first requests."""
        self._send(depth)

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        self._reader.feed(data)
        answered = 0
        while (reply := self._reader.gets()) is not _WAITING:
            number, sent = self._sent.popleft()
            self._work.answer(number, reply, now - sent)
            answered += 1
        self._send(answered)

    def connection_lost(self, exc: Exception | None) -> None:
        self._work.fail(f"the server closed a connection with {len(self._sent)} requests unanswered")

    def _send(self, count: int) -> None:
        chunks: list[bytes] = []
        now = perf_counter()
        while len(chunks) < count and (number := self._work.take()) is not None:
            chunks.append(self._work.packed[number])
            self._sent.append((number, now))
        if chunks:
            self._write(b"".join(chunks))
