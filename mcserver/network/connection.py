"""One client's connection: bytes in, replies out, within its limits.

A command that was answered before is answered again at once, from its bytes (the exact path); the order of all others is kept by Pipeline.
"""

import asyncio
import socket
from collections import deque
from typing import TYPE_CHECKING, cast

from mcserver.context import Buffers, Client, Context, Replies
from mcserver.exact import LARGEST_REQUEST, SEPARATOR
from mcserver.network.pipeline import Pipeline
from protocol.errors import ProtocolError, QueryBufferExceeded
from protocol.reply import RESP2, encode
from protocol.request import Limits, RequestParser

if TYPE_CHECKING:
    from mcserver.network.server import Server

__all__ = ["Connection"]

ASTERISK = ord("*")
"""How requests begin that are not typed by hand."""

MAX_COMMANDS_PER_TURN = 500
"""Commands run before other connections get their turn; at some microseconds each this is 1 or 2 ms."""

PIECE_BYTES = 256 * 1024
"""Replies are sent in pieces of this size: what a client does not read yet is not copied."""

MESSAGE_OVERHEAD = 64
"""Memory that a message in the queue of a client that does not read takes beside its bytes."""

SMALL_BUFFERS = 16 * 1024
"""Bytes held for a connection up to which they are not counted one by one (maxmemory-clients)."""


class _Gone:
    """The link of a client that has gone. Its connection is then in no circle of references, and freed at once: with many connections
    that come and go the garbage collector would have to look for them, for the better part of a tenth of a second each time."""

    def close(self) -> None:
        """It is."""

    def abort(self) -> None:
        """It is closed."""

    def push(self, data: bytes) -> None:
        """Nobody is there to read it."""

    def buffers(self) -> Buffers:
        """None."""
        return Buffers(0, 0)

    def disturb(self) -> None:
        """Nothing is run any more."""


_GONE = _Gone()


class Connection(asyncio.Protocol):
    """The asyncio side of a client, and its Link."""

    def __init__(self, server: "Server", context: Context) -> None:
        self._server = server
        self._context = context
        self._statistics = context.statistics
        self._requests = context.cache.exact.requests
        self._wires = context.cache.exact.wires
        self._touched = context.cache.exact.touched
        self._gate = context.cache.gate
        self._parser: RequestParser = server.parser()
        self._out: deque[bytes | memoryview] = deque()
        self._unsent = 0
        self._reading = True
        self._ending = False  # nothing more is taken from the client; what it has sent is finished
        self._scheduled = False
        self._flushing = False
        self._output_full = False
        self._lost = False
        self._ordinary = False  # the client's commands run as those of any client: it may have any entry, and nobody watches
        self._at_rest = False  # nothing is owed, half received or about to end: a remembered command may be answered at once
        self._admitted = False
        self._farewell = b""
        self.counted = 0  # bytes of this connection's buffers in the sum that maxmemory-clients limits
        self.over_soft_limit: float | None = None  # since when, on the server's clock
        self.client: Client = cast(Client, None)
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet nobody: Redis clients speak first. A server that is full says so and closes."""
        self.transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        refusal = self._server.admit(self)
        self._admitted = refusal is None
        if refusal is not None:
            self.transport.write(encode(refusal, RESP2))
            self.transport.close()
            self._lost = self._ending = True
        else:
            self._pipeline = Pipeline(self._context, self.client, self._out, self._work)
            self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the reads. Writes that were received go on: their client may have gone, what it said has been said."""
        self._lost = self._ending = True
        self._parser.clear()
        if self._admitted:
            self._pipeline.lose()
            self._server.forget(self)
            self._out.clear()
            self.client.link = _GONE

    def eof_received(self) -> bool:
        """A client that only stopped sending still gets its replies; TLS knows no such half, and a pause may last for long."""
        self._ending = True
        owed = self.busy() or bool(self._out)
        return owed and not self.client.held and self.transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """The client does not read its replies: read none of its commands until it does."""
        self._output_full = True
        self._at_rest = False
        self._server.check_output(self)
        self._throttle()

    def resume_writing(self) -> None:
        """The client caught up."""
        self._output_full = False
        self.over_soft_limit = None
        self._work()

    def data_received(self, data: bytes) -> None:
        """Take bytes of any chunking."""
        self._statistics.bytes_in += len(data)
        self._statistics.reads += 1
        if self._at_rest and not self._gate.closed and data[0] == ASTERISK:
            data = self._recall(data)
        if data and not self._closing():
            self._parser.feed(data)
            self._work()

    def _recall(self, data: bytes) -> bytes:
        """The exact path: answer the commands at the start of `data` that were answered before, byte for byte; what is left of it."""
        exact, out, wires, touched = self._context.cache.exact, self._out, self._wires, self._touched
        parts = exact.split(data)
        if parts[0] not in wires or len(parts) > MAX_COMMANDS_PER_TURN:
            return data
        begun = self._context.cache.timer()
        self.client.last_active = self._context.cache.clock()
        now = int(self.client.last_active * 1000)
        hits = 0
        counted = wires[parts[0]].statistics
        # Counted in place and once per model, as in _run_received: a call for every hit costs a third of the throughput of a pipeline.
        for part in parts:
            answer = wires.get(part)
            if answer is None or answer.expires <= now:
                break
            if answer.statistics is not counted:
                begun = self._server.count_exact(counted, hits, begun)
                self._statistics.commands_processed += hits
                counted, hits = answer.statistics, 0
            out.append(answer.reply)
            answer.hits += 1
            answer.last_hit = now
            touched.add(answer)
            hits += 1
        if hits:
            self._server.count_exact(counted, hits, begun)
            self._statistics.commands_processed += hits
        known = len(out)
        if known == len(parts):
            self._write_out()
            return b""
        return b"*" + SEPARATOR.join(parts[known:]) + data[-2:]

    def idle_since(self) -> float | None:
        """When the client was last active, in seconds since the epoch; None while it waits for a reply, or for messages."""
        return None if self.busy() or self.client.subscribed or self.client.monitoring else self.client.last_active

    def busy(self) -> bool:
        """Whether replies are still owed."""
        return self._pipeline.busy

    def buffers(self) -> Buffers:
        """What is held for the client."""
        return Buffers(self._received(), self.transport.get_write_buffer_size() + self._unsent)

    def close(self) -> None:
        """Take no more commands; close when the replies owed are sent."""
        self._ending = True
        self._work()

    def limit(self, limits: Limits) -> None:
        """Take over changed limits."""
        self._parser.limits = limits

    def abort(self) -> None:
        """Close now. Nobody is shown the client any more, though the loop says only in a turn to come that it has gone."""
        self._context.clients.pop(self.client.id, None)
        self.transport.abort()

    def push(self, data: bytes) -> None:
        """Send what is no reply: at the end of this turn of the loop, with what else there is for the client by then."""
        if self._lost:
            return
        self._at_rest = False
        self._pipeline.push(data)
        self._unsent += len(data) + MESSAGE_OVERHEAD
        if self._output_full:
            self._server.check_output(self)
        elif not self._flushing:
            self._flushing = True
            self._server.outbox.add(self._flush)

    def disturb(self) -> None:
        """See how the client's commands are to run now; go on with one that was held."""
        self._at_rest = False
        self._look()
        if self._pipeline.busy and not self.client.held:
            self._loop.call_soon(self._resume)

    def _flush(self) -> None:
        self._flushing = False
        self._work()

    def _resume(self) -> None:
        self._pipeline.resume()
        self._work()

    def _work(self) -> None:
        """Run what has been received, as far as order, limits and fairness allow, and send what is ready."""
        self._look()
        self._run_received()
        self._send()
        self._at_rest = self._reading and self._plain() and self._parser.idle and not (self._out or self._closing())

    def _look(self) -> None:
        """Whether the client's lookups may be answered before anything else is asked."""
        client = self.client
        self._ordinary = (
            client.transaction is None
            and client.authenticated
            and client.user.unrestricted
            and client.replies is Replies.ON
            and not client.no_touch
            and not (client.protocol == RESP2 and client.subscribed)
            and not self._context.watches(client)
        )

    def _run_received(self) -> None:
        """The exact path is inside this loop: for a repeated command no call, no parsing, no look at the store."""
        client, requests, out, touched = self.client, self._requests, self._out, self._touched
        begun = self._context.cache.timer()
        client.last_active = self._context.cache.clock()
        now = int(client.last_active * 1000)
        next_request = self._parser.next
        plain = self._plain()
        hits = count = 0
        counted = None
        stopped = self._full() or self._closing()
        while count < MAX_COMMANDS_PER_TURN and not stopped:
            try:
                words = next_request()
            except ProtocolError as error:
                self._break(error.with_traceback(None))  # the parser keeps the error, whose frames would keep the data
                break
            if words is None:
                break
            count += 1
            if plain and sum(map(len, words)) <= LARGEST_REQUEST:
                answer = requests.get(tuple(words))
                if answer is not None and answer.expires > now:
                    out.append(answer.reply)
                    answer.hits += 1
                    answer.last_hit = now
                    touched.add(answer)
                    if answer.statistics is not counted:
                        if counted is not None:
                            begun = self._server.count_exact(counted, hits, begun)
                            hits = 0
                        counted = answer.statistics
                    hits += 1
                    continue
            self._pipeline.receive(words)
            self._parser.authenticated = self._trusted()
            self._look()
            plain = self._plain()
            stopped = self._full() or self._closing()
        self._statistics.commands_processed += count
        if counted is not None:
            self._server.count_exact(counted, hits, begun)
        if count == MAX_COMMANDS_PER_TURN and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._scheduled = False
        self._work()

    def _plain(self) -> bool:
        """Whether a reply may go out at once and the client may have any entry."""
        return self._ordinary and not (self._pipeline.busy or self._gate.closed)

    def _trusted(self) -> bool:
        """Whether the client may send what is large."""
        return self.client.authenticated or self._context.access.default.open

    def _closing(self) -> bool:
        """Whether no further command of the client is run."""
        return self._ending or self.client.closing

    def _break(self, error: ProtocolError) -> None:
        """The peer does not speak the protocol: say so after the replies owed, and close. As Redis, not to one that sends too much."""
        self._ending = True
        if isinstance(error, QueryBufferExceeded):
            self._statistics.query_limit_disconnections += 1
        else:
            self._farewell = encode(error, self.client.protocol)

    def _send(self) -> None:
        out = self._out
        done = self._closing() and not self.busy()
        if done and self._farewell:
            out.append(self._farewell)
            self._farewell = b""
        if self._lost:
            out.clear()
        elif self._output_full:
            self._unsent = sum(map(len, out)) + MESSAGE_OVERHEAD * len(out)
            self._server.check_output(self)
        elif out:
            self._write_out()
        if done and not out:
            self.transport.close()
        else:
            self._throttle()
        if self.counted or self._received() + self._unsent > SMALL_BUFFERS:
            self._server.count_buffers(self)

    def _write_out(self) -> None:
        """What the client cannot take yet stays here, where it may be one answer many times, and not a copy of each in the transport."""
        out = self._out
        size = sum(map(len, out))
        if size <= PIECE_BYTES:
            self.transport.write(b"".join(out) if len(out) > 1 else out[0])
            out.clear()
            self._unsent = 0
        else:
            while out and not self._output_full:
                self.transport.write(self._next_piece())
            self._unsent = sum(map(len, out))
        self._statistics.bytes_out += size - self._unsent
        self._statistics.writes += 1

    def _next_piece(self) -> bytes | memoryview:
        """Take what fits into one piece from the front of what is to be sent: small replies together, a large one in parts."""
        out = self._out
        first = out.popleft()
        if len(first) > PIECE_BYTES:
            whole = memoryview(first)
            out.appendleft(whole[PIECE_BYTES:])
            return whole[:PIECE_BYTES]
        pieces, size = [first], len(first)
        while out and (size := size + len(out[0])) <= PIECE_BYTES:
            pieces.append(out.popleft())
        return b"".join(pieces)

    def _received(self) -> int:
        """Bytes of requests that are not complete, not begun, under way, or whose content is kept: for EXEC, of WATCH, of SUBSCRIBE."""
        return self._parser.buffered + self._pipeline.pending_bytes + self.client.kept_bytes

    def _full(self) -> bool:
        return self._pipeline.full or self._output_full

    def _throttle(self) -> None:
        """Read from the socket only while what is read can also be worked on."""
        wanted = not self._full() and not self._scheduled
        if wanted != self._reading and not self._lost and not self.transport.is_closing():
            self._reading = wanted
            if wanted:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    @property
    def socket(self) -> socket.socket:
        """The socket, for its addresses and options."""
        return cast(socket.socket, self.transport.get_extra_info("socket"))
