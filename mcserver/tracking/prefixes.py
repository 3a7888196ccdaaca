"""Clients that are told of every key with some prefix (BCAST)."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcserver.cache.models import name_of
from mcserver.tracking.invalidation import Invalidation
from mcserver.tracking.mode import Tracking

if TYPE_CHECKING:
    from mcserver.context import Client

__all__ = ["Prefixes"]


class _Prefix:
    """The clients of one prefix, and the keys of which they are to be told: beside a key who changed it, None where not one alone did."""

    __slots__ = ("changed", "clients")

    def __init__(self) -> None:
        self.clients: dict[Client, Tracking] = {}
        self.changed: dict[bytes, Client | None] = {}


class Prefixes:
    """What changes in one turn of the loop is told in one message for each prefix."""

    def __init__(self, send: Callable[["Client", Tracking, Invalidation], None]) -> None:
        self._send = send
        self._prefixes: dict[bytes, _Prefix] = {}
        self._scheduled = False

    def __len__(self) -> int:
        return len(self._prefixes)

    def add(self, client: "Client", tracking: Tracking) -> None:
        """Tell the client of its prefixes from now on."""
        for prefix in tracking.prefixes:
            self._prefixes.setdefault(prefix, _Prefix()).clients[client] = tracking

    def forget(self, client: "Client", tracking: Tracking) -> None:
        """No more."""
        for prefix in tracking.prefixes:
            clients = self._prefixes[prefix].clients
            del clients[client]
            if not clients:
                del self._prefixes[prefix]

    def note(self, key: bytes, by: "Client | None") -> None:
        """The key was changed, by this client or by none."""
        for prefix, state in self._prefixes.items():
            if key.startswith(prefix):
                state.changed[key] = by if state.changed.get(key, by) is by else None
                self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._broadcast)

    def _broadcast(self) -> None:
        self._scheduled = False
        for prefix in sorted(self._prefixes):
            state = self._prefixes[prefix]
            changed, state.changed = dict(sorted(state.changed.items())), {}
            everything = Invalidation(list(changed))
            for client, tracking in state.clients.items():
                told = [key for key, by in changed.items() if _is_told(client, tracking, key, by)]
                if told:
                    self._send(client, tracking, everything if len(told) == len(changed) else Invalidation(told))


def _is_told(client: "Client", tracking: Tracking, key: bytes, by: "Client | None") -> bool:
    """Not if it changed the key itself and said NOLOOP, nor if it must not know of it."""
    if client is by and tracking.no_loop:
        return False
    return client.user.sees_all or client.user.sees(name_of(key))
