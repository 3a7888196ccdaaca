"""CLIENT PAUSE: commands wait, all of them or only those that may change something."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcserver.context import Client
    from mcserver.table import Command

__all__ = ["Pause"]


class Pause:
    """Until when commands wait. A pause that is under way only ever becomes longer and wider, as in Redis; `end` alone ends it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.everything = False
        self._until = 0.0
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._held: dict[int, Client] = {}

    @property
    def active(self) -> bool:
        """Whether commands wait at all."""
        return self._timer is not None

    def begin(self, seconds: float, *, everything: bool) -> None:
        """Pause for so long: all commands, or only those that may write."""
        self.everything = everything or (self.active and self.everything)
        self._until = max(self._until, self._clock() + seconds)
        self._set_timer()

    def end(self) -> None:
        """Let everybody go on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._until, self.everything = 0.0, False
        held, self._held = self._held, {}
        for client in held.values():
            client.held = False
            client.link.disturb()

    def holds(self, client: "Client", command: "Command") -> bool:
        """Whether the command has to wait, which is noted; the client's link is told when it may go on."""
        if not self.active or "pause_exempt" in command.flags or not (self.everything or _may_change(client, command)):
            return False
        client.held = True
        self._held[client.id] = client
        return True

    def forget(self, client: "Client") -> None:
        """The client has gone."""
        self._held.pop(client.id, None)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, self._until - self._clock()), self.end)


def _may_change(client: "Client", command: "Command") -> bool:
    if command.name == "exec" and client.transaction is not None:
        return any(_changes(queued.command) for queued in client.transaction)
    return _changes(command)


def _changes(command: "Command") -> bool:
    return "write" in command.flags or command.name in {"publish", "spublish"}
