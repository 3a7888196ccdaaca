"""Who has read what."""

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from mcserver.tracking.mode import Tracking

if TYPE_CHECKING:
    from mcserver.context import Client

__all__ = ["Readers"]


class Readers:
    """Keys in the order of their first reading, each with the clients that have read it. `items` counts pairs of both."""

    def __init__(self) -> None:
        self._keys: dict[bytes, dict[Client, Tracking]] = {}
        self.items = 0

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, client: "Client", tracking: Tracking, keys: Iterable[bytes]) -> None:
        """The client reads these keys."""
        for key in keys:
            if key not in tracking.keys:
                tracking.keys.add(key)
                self._keys.setdefault(key, {})[client] = tracking
                self.items += 1

    def of(self, key: bytes) -> list[tuple["Client", Tracking]]:
        """Who has read the key."""
        return list(self._keys.get(key, {}).items())

    def oldest(self, count: int) -> list[bytes]:
        """The keys that were read first."""
        return list(islice(self._keys, count))

    def remove(self, client: "Client", tracking: Tracking, key: bytes) -> None:
        """Forget that the client has read the key."""
        tracking.keys.remove(key)
        self.items -= 1
        clients = self._keys[key]
        del clients[client]
        if not clients:
            del self._keys[key]

    def forget(self, client: "Client", tracking: Tracking) -> None:
        """Forget all that the client has read."""
        for key in list(tracking.keys):
            self.remove(client, tracking, key)
