"""A message to many clients."""

from typing import TYPE_CHECKING

from protocol.reply import Push, encode

if TYPE_CHECKING:
    from mcserver.context import Client

__all__ = ["Message"]


class Message:
    """Encoded once for each version of the protocol, however many clients it goes to."""

    __slots__ = ("_push", "_wires")

    def __init__(self, *items: object) -> None:
        self._push = Push(items)
        self._wires: dict[int, bytes] = {}

    def send(self, client: "Client") -> None:
        """Send it, behind the replies that the client is owed."""
        wire = self._wires.get(client.protocol)
        if wire is None:
            wire = self._wires[client.protocol] = encode(self._push, client.protocol)
        client.link.push(wire)
