"""One client's connection: bytes in, commands in their order, replies in the same order.

Replies that are ready go straight out. A command that takes time gets a slot; later replies queue up behind it. Reads of a pipeline run
side by side. A write waits for the reads before it, later reads wait for it; consecutive writes prepare side by side and take
effect in their order.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, cast

from mcserver.context import Client, Context
from mcserver.dispatch import execute, queues, resolve, wire_error
from mcserver.exact import SEPARATOR
from mcserver.table import Command, Job
from protocol.errors import CommandError, ProtocolError, QueryBufferExceeded
from protocol.reply import encode
from protocol.request import Limits, RequestParser

if TYPE_CHECKING:
    from mcserver.server import Server

__all__ = ["Connection"]

ASTERISK = ord("*")
"""How requests begin that are not typed by hand."""

MAX_PENDING = 128
"""Commands of one connection under way or waiting; beyond it nothing more is read from it."""

MAX_PENDING_BYTES = 64 * 1024 * 1024
"""The same for the bytes of their arguments."""

MAX_COMMANDS_PER_TURN = 500
"""Commands run before other connections get their turn; at some microseconds each this is 1 or 2 ms."""

JOINED_BYTES = 256 * 1024
"""Replies are sent as one piece up to this size, larger ones piece by piece: joining would copy them."""


class _Slot:
    """The place of a reply that is not ready yet."""

    __slots__ = ("data", "protocol", "size", "writes")

    def __init__(self, protocol: int, size: int, *, writes: bool) -> None:
        self.data: bytes | None = None
        self.protocol = protocol
        self.size = size
        self.writes = writes


class Connection(asyncio.Protocol):
    """The asyncio side of a client."""

    def __init__(self, server: "Server", context: Context) -> None:
        self._server = server
        self._context = context
        self._statistics = context.statistics
        self._requests = context.cache.exact.requests
        self._wires = context.cache.exact.wires
        self._touched = context.cache.exact.touched
        self._gate = context.cache.gate
        self._parser: RequestParser = server.parser()
        self._slots: deque[_Slot] = deque()
        self._waiting: deque[list[bytes]] = deque()
        self._out: deque[bytes] = deque()
        self._pending_bytes = 0
        self._reads = 0
        self._writes = 0
        self._turn: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading = True
        self._ending = False  # nothing more is taken from the client; what it has sent is finished
        self._scheduled = False
        self._output_full = False
        self._lost = False
        self._at_rest = False  # nothing is owed, half received or about to end: a remembered command may be answered at once
        self._admitted = False
        self._farewell = b""
        self.client: Client = cast(Client, None)
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet nobody: Redis clients speak first. A server that is full says so and closes."""
        self.transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        refusal = self._server.admit(self)
        self._admitted = not refusal
        if refusal:
            self.transport.write(encode(CommandError(refusal), 2))
            self.transport.close()
            self._lost = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the reads. Writes that were received go on: their client may have gone, what it said has been said."""
        self._lost = self._ending = True
        if not self._admitted:
            return
        self._server.forget(self)
        self._out.clear()
        if self._reads:  # then nothing under way is a write
            for task in self._tasks:
                task.cancel()

    def eof_received(self) -> bool:
        """A client that only stopped sending still gets its replies."""
        self._ending = True
        return self.busy() or bool(self._out)

    def pause_writing(self) -> None:
        """The client does not read its replies: read none of its commands until it does."""
        self._output_full = True
        self._at_rest = False
        self._server.check_output(self)
        self._throttle()

    def resume_writing(self) -> None:
        """The client caught up."""
        self._output_full = False
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
        if parts[0] not in wires:
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
        """When the client was last active, in seconds since the epoch; None while it waits for a reply."""
        return None if self.busy() else self.client.last_active

    def busy(self) -> bool:
        """Whether replies are still owed."""
        return bool(self._slots or self._waiting)

    def buffered(self) -> tuple[int, int]:
        """Bytes not yet understood, bytes not yet read by the client."""
        return self._parser.buffered, self.transport.get_write_buffer_size() + sum(map(len, self._out))

    def finish(self) -> None:
        """Take no more commands; close when the replies owed are sent."""
        self._ending = True
        self._work()

    def limit(self, limits: Limits) -> None:
        """Take over changed limits."""
        self._parser.limits = limits

    def abort(self) -> None:
        """Close now."""
        self.transport.abort()

    def _work(self) -> None:
        """Run what has been received, as far as order, limits and fairness allow, and send what is ready."""
        self._run_received()
        self._send()
        self._at_rest = self._reading and self._plain() and self._parser.idle and not (self._out or self._closing())

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
                self._break(error)
                break
            if words is None:
                break
            count += 1
            if plain:
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
            self._receive(words)
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
        client = self.client
        return not (self._slots or self._waiting) and client.transaction is None and client.authenticated and not self._gate.closed

    def _closing(self) -> bool:
        """Whether no further command of the client is run."""
        return self._ending or self.client.closing

    def _receive(self, words: list[bytes]) -> None:
        if self._waiting or not self._run(words):
            self._waiting.append(words)
            self._pending_bytes += sum(map(len, words))

    def _run(self, words: list[bytes]) -> bool:
        """Begin a command; False if it has to wait for what is under way."""
        client = self.client
        try:
            command = resolve(self._context, client, words)
        except CommandError as error:
            self._reject(words, error)
            return True
        at_once = queues(client, command)
        if (self._reads if command.writes else self._writes) and not at_once:
            return False
        if self._lost and "readonly" in command.flags and not at_once:
            return True  # nobody waits for what it would find
        begun = self._context.cache.timer()
        try:
            result = execute(self._context, client, command, words)
        except Exception as error:  # noqa: BLE001 - the one place beside dispatch where everything becomes a reply
            result = wire_error(error, command.name)
        if isinstance(result, Job):
            self._spawn(command, words, self._carry_out(result, writes=command.writes))
        elif isinstance(result, CoroutineType):
            self._spawn(command, words, result)
        else:
            self._reply(self._finished(command, begun, result, client.protocol))
            self._parser.authenticated = client.authenticated
        return True

    def _reject(self, words: list[bytes], error: CommandError) -> None:
        """An error before the command could run; inside MULTI it spoils the transaction."""
        if words[0].lower() in {b"post", b"host:"}:  # as Redis: a browser tricked into speaking to us
            self.transport.abort()
            return
        if self.client.transaction is not None:
            self.client.transaction_failed = True
        command = self._context.commands.locate(words)
        if command is not None:
            self._statistics.command(command.name).rejected += 1
        self._statistics.errors[error.code] += 1
        self._reply(encode(error, self.client.protocol))

    def _spawn(self, command: Command, words: list[bytes], work: Coroutine[Any, Any, object]) -> None:
        slot = _Slot(self.client.protocol, sum(map(len, words)), writes=command.writes)
        self._slots.append(slot)
        self._pending_bytes += slot.size
        if slot.writes:
            self._writes += 1
        else:
            self._reads += 1
        task = self._loop.create_task(self._fill(slot, command, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, job: Job, *, writes: bool) -> object:
        if not writes:
            await job.prepare()
            return await job.start()
        before, mine = self._turn, self._loop.create_future()
        self._turn = mine
        try:
            try:
                await job.prepare()
            finally:  # the order of later writes holds even where this one could not be prepared
                if before is not None:
                    await before
            await self._gate.opened()
            serial, started = job.serial, job.start()
            if serial:
                return await started
        finally:
            mine.set_result(None)
        return await started

    async def _fill(self, slot: _Slot, command: Command, work: Coroutine[Any, Any, object]) -> None:
        begun = self._context.cache.timer()
        result: object
        try:
            result = await work
        except Exception as error:  # noqa: BLE001 - as in _run
            result = wire_error(error, command.name)
        except asyncio.CancelledError:
            if not self._lost:
                raise
            result = None
        finally:
            if slot.writes:
                self._writes -= 1
            else:
                self._reads -= 1
        slot.data = self._finished(command, begun, result, slot.protocol)
        self._deliver()

    def _deliver(self) -> None:
        """Send the replies that are ready and in order, then go on with what waited for them."""
        slots = self._slots
        while slots and (data := slots[0].data) is not None:
            self._pending_bytes -= slots.popleft().size
            self._out.append(data)
        self._run_waiting()
        self._work()

    def _run_waiting(self) -> None:
        """Begin the commands that waited, until one has to wait again."""
        while self._waiting and self._run(self._waiting[0]):
            self._pending_bytes -= sum(map(len, self._waiting.popleft()))
            if self.client.closing:  # QUIT: what was sent after it is not run
                self._waiting.clear()

    def _finished(self, command: Command, begun: float, result: object, protocol: int) -> bytes:
        """Count a command that has ended; its reply's bytes."""
        try:
            data = encode(result, protocol)
        except Exception as error:  # noqa: BLE001 - a value that is no reply
            result = wire_error(error, command.name)
            data = encode(result, protocol)
        counters = self._statistics.command(command.name)
        counters.record(int((self._context.cache.timer() - begun) * 1_000_000))
        if isinstance(result, CommandError):
            counters.failed += 1
            self._statistics.errors[result.code] += 1
        return data

    def _reply(self, data: bytes) -> None:
        if self._slots:
            slot = _Slot(self.client.protocol, 0, writes=False)
            slot.data = data
            self._slots.append(slot)
        else:
            self._out.append(data)

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
            self._server.check_output(self)
        elif out:
            self._write_out()
        if done and not out:
            self.transport.close()
        else:
            self._throttle()

    def _write_out(self) -> None:
        """What the client cannot take yet stays here, where it may be one answer many times, and not a copy of each in the transport."""
        out = self._out
        size = sum(map(len, out))
        if size <= JOINED_BYTES:
            self.transport.write(b"".join(out) if len(out) > 1 else out[0])
            out.clear()
        else:
            while out and not self._output_full:
                self.transport.write(out.popleft())
        self._statistics.bytes_out += size - sum(map(len, out))
        self._statistics.writes += 1

    def _full(self) -> bool:
        pending = len(self._slots) + len(self._waiting)
        return pending >= MAX_PENDING or self._pending_bytes >= MAX_PENDING_BYTES or self._output_full

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
