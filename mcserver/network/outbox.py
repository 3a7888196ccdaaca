"""Sending what nobody asked for, such as one message to ten thousand subscribers, without keeping everybody else waiting."""

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["Outbox"]

CONNECTIONS_PER_TURN = 64
"""Connections that send before others get their turn; at some 40 microseconds each this is 2 or 3 ms."""


class Outbox:
    """The connections that have something to send. Each keeps what it is in its own order; here is only decided when it is sent."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._scheduled = False

    def add(self, flush: Callable[[], None]) -> None:
        """Have `flush` called when this turn of the loop is over and those were called that wait already."""
        self._waiting.append(flush)
        self._schedule()

    def _schedule(self) -> None:
        if self._waiting and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        try:
            for _ in range(min(len(self._waiting), CONNECTIONS_PER_TURN)):
                self._waiting.popleft()()
        finally:
            self._schedule()
