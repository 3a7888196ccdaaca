"""Keeps lookups out while the commands of an EXEC run."""

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
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Be inside with other lookups."""
        if self.closed:
            async with self._changed:
                await self._changed.wait_for(lambda: not self.closed)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            if self.closed and not self._inside:
                async with self._changed:
                    self._changed.notify_all()

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Be inside alone."""
        async with self._turn:
            self.closed = True
            try:
                async with self._changed:
                    await self._changed.wait_for(lambda: not self._inside)
                yield
            finally:
                self.closed = False
                async with self._changed:
                    self._changed.notify_all()
