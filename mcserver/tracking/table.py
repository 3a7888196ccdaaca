"""Which clients may keep answers of which keys."""

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

from mcserver.cache.changes import FLUSH, Change, Changes
from mcserver.pubsub.channels import NAME_OVERHEAD
from mcserver.settings import Settings
from mcserver.tracking.invalidation import Invalidation
from mcserver.tracking.mode import Tracking
from mcserver.tracking.prefixes import Prefixes
from mcserver.tracking.readers import Readers
from protocol.text import encode

if TYPE_CHECKING:
    from mcserver.context import Client
    from mcserver.table import Command

__all__ = ["TrackingTable", "acting"]

EVICTED_AT_ONCE = 100
"""Keys forgotten in one go where there are too many; more follow, with other work in between."""

acting: ContextVar["Client | None"] = ContextVar("acting", default=None)
"""The client whose write is being done, for NOLOOP."""


class TrackingTable:
    """The tracking clients, what they have read and what they are told of unread. Listens to changes only while there are any."""

    def __init__(self, settings: Settings, changes: Changes, clients: Mapping[int, "Client"]) -> None:
        """`clients` by id, for those to which others redirect what they are told."""
        self._settings = settings
        self._changes = changes
        self._clients = clients
        self._tracking: dict[Client, Tracking] = {}
        self._evicting = False
        self.readers = Readers()
        self.prefixes = Prefixes(self._send)
        settings.subscribe("tracking-table-max-keys", self._limit)

    def __len__(self) -> int:
        """How many clients are tracking."""
        return len(self._tracking)

    def enable(self, client: "Client", tracking: Tracking) -> None:
        """Tell the client from now on. What it is told of already, because of prefixes or of what it has read, it goes on to be told of."""
        if client.tracking is not None:
            tracking.prefixes |= client.tracking.prefixes
            keys, caching = set(client.tracking.keys), client.tracking.caching
            self.disable(client)
            tracking.caching = caching
            self.readers.add(client, tracking, keys)
        tracking.prefix_bytes = sum(len(prefix) + NAME_OVERHEAD for prefix in tracking.prefixes)
        client.tracking = tracking
        self.prefixes.add(client, tracking)
        if not self._tracking:
            self._changes.listeners.append(self._take)
        self._tracking[client] = tracking
        client.link.disturb()

    def disable(self, client: "Client") -> None:
        """Tell the client no more; nothing is left of it here."""
        tracking, client.tracking = client.tracking, None
        if tracking is None:
            return
        self.readers.forget(client, tracking)
        self.prefixes.forget(client, tracking)
        del self._tracking[client]
        if not self._tracking:
            self._changes.listeners.remove(self._take)
        client.link.disturb()

    def observe(self, client: "Client", command: "Command", words: Sequence[bytes]) -> bool:
        """A tracking client is about to run a command: remember the keys that it reads; whether to do so for those of its transaction.

        It is done before the command reads: a change in the meantime is then told to the client, behind the reply.
        """
        tracking = self._tracking[client]
        wanted = tracking.wanted
        if wanted:
            self.remember(client, command, words)
        if command.name != "multi" and not command.name.startswith("client|"):
            tracking.caching = False
        return wanted

    def remember(self, client: "Client", command: "Command", words: Sequence[bytes]) -> None:
        """Remember the keys that the command reads."""
        if client.tracking is not None and "readonly" in command.flags:
            self.readers.add(client, client.tracking, command.keys(words))
            self._limit()

    def _take(self, changes: Sequence[Change]) -> None:
        if FLUSH in changes:
            self._invalidate_everything()
            return
        by = acting.get()
        for model in dict.fromkeys(change.model for change in changes):
            key = encode(model)
            self.prefixes.note(key, by)
            self._invalidate(key, by)

    def _invalidate(self, key: bytes, by: "Client | None" = None) -> None:
        """Tell those that have read the key; not again until they read it once more."""
        invalidation = Invalidation([key])
        for client, tracking in self.readers.of(key):
            # Who says NOLOOP knows of its own change. It stays a reader, other than in Redis: a model is more than the one value that
            # it has changed, and of what else it keeps of the model it must still be told.
            if client is not by or not tracking.no_loop:
                self.readers.remove(client, tracking, key)
                self._send(client, tracking, invalidation)

    def _invalidate_everything(self) -> None:
        invalidation = Invalidation(None)
        for client, tracking in self._tracking.items():
            self.readers.forget(client, tracking)
            self._send(client, tracking, invalidation)

    def _send(self, client: "Client", tracking: Tracking, invalidation: Invalidation) -> None:
        invalidation.send(client, tracking, self._clients)

    def _limit(self) -> None:
        """Have clients forget the keys that were read first, where there are more than tracking-table-max-keys."""
        most = self._settings.tracking_table_max_keys
        excess = len(self.readers) - most
        if not most or excess <= 0 or self._evicting:
            return
        for key in self.readers.oldest(min(excess, EVICTED_AT_ONCE)):
            self._invalidate(key)
        if excess > EVICTED_AT_ONCE:
            self._evicting = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._evicting = False
        self._limit()
