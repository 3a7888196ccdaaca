"""SAVE, BGSAVE and BGREWRITEAOF: making everything acknowledged outlive a power cut now, and when that was done last."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from protocol.errors import CommandError
from storage.errors import StorageError

__all__ = ["Saving"]

_log = logging.getLogger("mcserver")


class Saving:
    """`last` is when it was done last (seconds since the epoch), `seconds` how long that took, -1 before the first time."""

    def __init__(self, sync: Callable[[], Awaitable[None]], clock: Callable[[], float], *, started: float) -> None:
        self._sync = sync
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._begun = 0.0
        self.last = started
        self.seconds = -1
        self.count = 0
        self.failed = False

    @property
    def running(self) -> int:
        """Seconds since the one in the background began, -1 where there is none."""
        return -1 if self._task is None else max(0, int(self._clock() - self._begun))

    async def save(self) -> None:
        """Do it. Raises StorageError, and CommandError where it is being done in the background."""
        self._check()
        await self._save(self._clock())

    def start(self) -> None:
        """Begin to do it in the background. Raises CommandError where one has not ended yet."""
        self._check()
        self._begun = self._clock()
        self._task = asyncio.get_running_loop().create_task(self._save_beside())

    async def ended(self) -> None:
        """Wait for what was begun in the background."""
        if self._task is not None:
            await self._task

    async def _save_beside(self) -> None:
        try:
            await self._save(self._begun)
        except StorageError as error:
            _log.warning("event=save-failed error=%r", str(error))
        finally:
            self._task = None

    async def _save(self, begun: float) -> None:
        try:
            await self._sync()
        except StorageError:
            self.failed = True
            raise
        self.failed = False
        self.last = self._clock()
        self.seconds = int(self.last - begun)
        self.count += 1

    def _check(self) -> None:
        if self._task is not None:
            raise CommandError("Background save already in progress")
