"""How long an event loop stands still."""

import asyncio
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self

TICK = 0.001  # s; a timer of the loop is late by what the loop was kept from running it

_SCHEDULER = Path("/proc/thread-self/schedstat")


class LoopLag:
    """A task that wakes every TICK and notes how late it was, while the context is open.

    `late`: seconds of the longest delay. `blocked`: of the longest delay that is left without the time in which the operating system
    had put the loop's thread behind others on the processor (Linux only, else as `late`): what the loop itself, or a thread that held
    the interpreter, kept it from going on. On a machine that others use as well only `blocked` says something about us.
    """

    def __init__(self) -> None:
        self.late = 0.0
        self.blocked = 0.0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._tick())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _tick(self) -> None:
        while True:
            queued, due = _queued(), perf_counter() + TICK
            await asyncio.sleep(TICK)
            late = perf_counter() - due
            self.late = max(self.late, late)
            self.blocked = max(self.blocked, late - (_queued() - queued))


def _queued() -> float:
    """Seconds this thread has waited for a processor so far."""
    try:
        return int(_SCHEDULER.read_text(encoding="ascii").split()[1]) / 1e9
    except OSError:
        return 0.0
