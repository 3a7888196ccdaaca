"""Keeps everybody else out while the commands of an EXEC run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["Gate"]


class Gate:
    """Many lookups pass together; one transaction passes alone. Lookups that were inside first finish, later ones wait."""

    def __init__(self) -> None:
        self.closed = False
        self._inside = 0
        self._turn = asyncio.Lock()
        self._opened = asyncio.Event()
        self._emptied = asyncio.Event()

    async def opened(self) -> None:
        """Wait until no transaction is inside. Holds until the caller suspends."""
        while self.closed:
            await self._opened.wait()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Be inside with other lookups."""
        await self.opened()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._emptied.set()

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Be inside alone. Whoever waited for the gate gets in before the next transaction does."""
        async with self._turn:
            self.closed = True
            self._opened.clear()
            try:
                while self._inside:
                    self._emptied.clear()
                    await self._emptied.wait()
                yield
            finally:
                self.closed = False
                self._opened.set()
