"""MONITOR: clients that see every command as it is run."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mcserver.telemetry.redaction import shorten
from protocol.reply import Status
from protocol.text import quote

if TYPE_CHECKING:
    from mcserver.context import Client

__all__ = ["Monitors"]

MAX_WORDS = 1024
MAX_WORD = 16 * 1024
"""Of one line: what is longer is cut, so that to show it does not hold up everybody else."""


class Monitors:
    """The clients that monitor. `words` of what is shown come redacted: no password is among them."""

    def __init__(self) -> None:
        self._clients: dict[int, Client] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def __iter__(self) -> Iterator["Client"]:
        return iter(list(self._clients.values()))

    def add(self, client: "Client") -> None:
        """Show the client every command from now on."""
        client.monitoring = True
        self._clients[client.id] = client

    def remove(self, client: "Client") -> None:
        """Stop that."""
        client.monitoring = False
        self._clients.pop(client.id, None)

    def show(self, client: "Client", words: Sequence[bytes], now: float) -> None:
        """Tell them what `client` has run at `now` (seconds since the epoch)."""
        source = f"unix:{client.address.removesuffix(':0')}" if client.unix else client.address
        line = Status(f"{now:.6f} [0 {source}] {' '.join(quote(shorten(word, MAX_WORD)) for word in words[:MAX_WORDS])}")
        for monitor in self:
            monitor.push(line)
