"""The commands of one connection in their order, and their replies in the same order.

Replies that are ready go straight out. A command that takes time gets a slot; later replies queue up behind it. Reads of a pipeline run
side by side. A write waits for the reads before it, later reads wait for it; consecutive writes prepare side by side and take
effect in their order.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from types import CoroutineType
from typing import Any

from mcserver.context import Client, Context, Replies
from mcserver.dispatch import account, execute, queues, resolve, wire_error
from mcserver.table import Command, Job
from mcserver.tracking import acting
from protocol.errors import CommandError, transaction_refused
from protocol.reply import QUEUED, Raw, Several, chunks, encode

__all__ = ["Pipeline"]

MAX_PENDING = 128
"""Commands of one connection under way or waiting; beyond it nothing more is read from it."""

MAX_PENDING_BYTES = 64 * 1024 * 1024
"""The same for the bytes of their arguments."""

PORTION = 100
"""Elements of a long reply that are encoded at a time, with the work of others in between: 10,000 maps take a tenth of a second."""


class _Slot:
    """The place of a reply that is not ready yet."""

    __slots__ = ("data", "protocol", "silent", "size", "writes")

    def __init__(
        self, protocol: int, size: int = 0, *, data: Sequence[bytes] | None = None, writes: bool = False, silent: bool = False
    ) -> None:
        self.data = data
        self.protocol = protocol
        self.size = size
        self.writes = writes
        self.silent = silent


class Pipeline:
    """Runs what one client sends. `lost` is set when the client has gone: reads end, writes that were received are still done."""

    def __init__(self, context: Context, client: Client, out: deque[bytes | memoryview], wake: Callable[[], None]) -> None:
        """`out` takes the replies that are ready; `wake` is called when a command that took time has ended."""
        self._context = context
        self._client = client
        self._out = out
        self._wake = wake
        self._gate = context.cache.gate
        self._loop = asyncio.get_running_loop()
        self._slots: deque[_Slot] = deque()
        self._waiting: deque[list[bytes]] = deque()
        self._reads = 0
        self._writes = 0
        self._turn: asyncio.Future[None] | None = None
        self._running = False
        self._pushed: list[bytes] = []  # by the command that is running, to its own client
        self._tasks: set[asyncio.Task[None]] = set()
        self.pending_bytes = 0
        self.lost = False

    @property
    def busy(self) -> bool:
        """Whether replies are still owed."""
        return bool(self._slots or self._waiting)

    @property
    def full(self) -> bool:
        """Whether as much is under way as one connection may have."""
        return len(self._slots) + len(self._waiting) >= MAX_PENDING or self.pending_bytes >= MAX_PENDING_BYTES

    def receive(self, words: list[bytes]) -> None:
        """Run a command, or have it wait for those before it."""
        if self._waiting or not self._run(words):
            self._waiting.append(words)
            self.pending_bytes += sum(map(len, words))

    def push(self, data: bytes) -> None:
        """Send what is no reply, behind the replies that are owed, that of the command at hand among them."""
        if self._running:
            self._pushed.append(data)
        elif self._slots:
            self._slots.append(_Slot(0, data=[data]))
        else:
            self._out.append(data)

    def resume(self) -> None:
        """Begin the commands that waited, until one has to wait again."""
        while self._waiting and self._run(self._waiting[0]):
            self.pending_bytes -= sum(map(len, self._waiting.popleft()))
            if self._client.closing:  # QUIT: what was sent after it is not run
                self._waiting.clear()

    def lose(self) -> None:
        """The client has gone: nobody waits for what its reads would find."""
        self.lost = True
        self._wake = _do_nothing
        if self._reads:  # then nothing under way is a write
            for task in self._tasks:
                task.cancel()

    def _run(self, words: list[bytes]) -> bool:
        """Begin a command; False if it has to wait for what is under way, or for the end of a pause."""
        client, context = self._client, self._context
        try:
            command = resolve(context, client, words)
        except CommandError as error:
            self._reject(words, error)
            return True
        queued = queues(client, command)
        if ((self._reads if command.writes else self._writes) and not queued) or context.pause.holds(client, command):
            return False
        if self.lost and "readonly" in command.flags and not queued:
            return True
        begun = context.cache.timer()
        self._running = True
        try:
            result = execute(context, client, command, words)
        except Exception as error:  # noqa: BLE001 - the one place beside dispatch where everything becomes a reply
            result = wire_error(error, command.name)
        finally:
            self._running = False
        if isinstance(result, Job):
            self._spawn(command, words, self._carry_out(result, writes=command.writes))
        elif isinstance(result, CoroutineType):
            self._spawn(command, words, result)
        elif result is QUEUED:
            self._reply([QUEUED.wire])
        else:
            data = self._finished(command, words, begun, result, client.protocol)
            self._reply(data, message=isinstance(result, Several))
        if self._pushed:
            pushed, self._pushed = self._pushed, []
            for message in pushed:
                self.push(message)
        return True

    def _reject(self, words: list[bytes], error: CommandError) -> None:
        """An error before the command could run; inside MULTI it spoils the transaction."""
        if words[0].lower() in {b"post", b"host:"}:  # as Redis: a browser tricked into speaking to us
            self._client.link.abort()
            return
        if self._client.transaction is not None:
            self._client.transaction_failed = True
        command = self._context.commands.locate(words)
        if command is not None:
            self._context.statistics.command(command.name).rejected += 1
            if command.name == "exec":
                self._client.leave_transaction()
                error = transaction_refused(error)
        self._context.statistics.errors[error.code] += 1
        self._reply(chunks(error, self._client.protocol))

    def _spawn(self, command: Command, words: list[bytes], work: Coroutine[Any, Any, object]) -> None:
        slot = _Slot(self._client.protocol, sum(map(len, words)), writes=command.writes, silent=self._muted())
        self._slots.append(slot)
        self.pending_bytes += slot.size
        if slot.writes:
            self._writes += 1
        else:
            self._reads += 1
        task = self._loop.create_task(self._fill(slot, command, words, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, job: Job, *, writes: bool) -> object:
        if not writes:
            await job.prepare()
            return await job.start()
        acting.set(self._client)
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

    async def _fill(self, slot: _Slot, command: Command, words: list[bytes], work: Coroutine[Any, Any, object]) -> None:
        begun = self._context.cache.timer()
        result: object
        try:
            result = await work
            if isinstance(result, list) and len(result) > PORTION:
                result = await _encoded(result, slot.protocol)
        except Exception as error:  # noqa: BLE001 - as in _run
            result = wire_error(error, command.name)
        except asyncio.CancelledError:
            if not self.lost:
                raise
            result = None
        finally:
            if slot.writes:
                self._writes -= 1
            else:
                self._reads -= 1
        data = self._finished(command, words, begun, result, slot.protocol)
        slot.data = () if slot.silent else data
        self._deliver()

    def _deliver(self) -> None:
        """Send the replies that are ready and in order, then go on with what waited for them."""
        slots = self._slots
        while slots and (data := slots[0].data) is not None:
            self.pending_bytes -= slots.popleft().size
            self._out.extend(data)
        self.resume()
        self._wake()

    def _finished(self, command: Command, words: list[bytes], begun: float, result: object, protocol: int) -> list[bytes]:
        """Account for a command that has ended; its reply in pieces."""
        try:
            data = chunks(result, protocol)
        except Exception as error:  # noqa: BLE001 - a value that is no reply
            result = wire_error(error, command.name)
            data = chunks(result, protocol)
        account(self._context, self._client, command, words, begun=begun, result=result)
        return data

    def _reply(self, data: Sequence[bytes], *, message: bool = False) -> None:
        if self._muted() and not message:
            data = ()
        if self._slots:
            self._slots.append(_Slot(0, data=data))
        else:
            self._out.extend(data)

    def _muted(self) -> bool:
        """Whether the client wants no reply to the command at hand (CLIENT REPLY)."""
        client = self._client
        match client.replies:
            case Replies.ON:
                return False
            case Replies.SKIP:  # this is the command that said so
                client.replies = Replies.SKIPPING
            case Replies.SKIPPING:
                client.replies = Replies.ON
        return True


async def _encoded(elements: list[object], protocol: int) -> list[object]:
    """The elements of a long array, ready for the wire."""
    ready: list[object] = []
    for start in range(0, len(elements), PORTION):
        ready += [Raw(encode(element, protocol)) for element in elements[start : start + PORTION]]
        await asyncio.sleep(0)
    return ready


def _do_nothing() -> None:
    """What is left to do when a command has ended whose client has gone."""
