"""What a tracking client is told."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mcserver.pubsub.message import Message
from mcserver.tracking.mode import Tracking
from protocol.reply import RESP3

if TYPE_CHECKING:
    from mcserver.context import Client

__all__ = ["Invalidation"]

_CHANNEL = b"__redis__:invalidate"
"""Where clients that speak RESP2 are told, as subscribers."""


class Invalidation:
    """These keys have changed; None: any may have."""

    __slots__ = ("_publication", "_push")

    def __init__(self, keys: Sequence[bytes] | None) -> None:
        self._push = Message(b"invalidate", keys)
        self._publication = Message(b"message", _CHANNEL, keys)

    def send(self, client: "Client", tracking: Tracking, clients: Mapping[int, "Client"]) -> None:
        """Tell the client, or the one of `clients` that is to be told in its stead. In RESP2 only a subscriber can be told."""
        target = clients.get(tracking.redirect) if tracking.redirect else client
        if target is None:
            tracking.broken = True
            if client.protocol == RESP3:
                Message(b"tracking-redir-broken", tracking.redirect).send(client)
        elif target.protocol == RESP3:
            self._push.send(target)
        elif tracking.redirect and target.subscribed:
            self._publication.send(target)
