"""Publish/subscribe: who listens to which channel, and messages to them."""

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from mcserver.pubsub.message import Message
from storage.glob import Glob

if TYPE_CHECKING:
    from mcserver.context import Client

__all__ = ["NAME_OVERHEAD", "Channels", "Patterns", "Subscriptions"]

NAME_OVERHEAD = 256
"""Memory of a name that is kept in the tables of client and server, beside its bytes."""

Names = dict[bytes, None]
"""A set of names that keeps their order."""


class Subscriptions:
    """Names of one kind, each with the clients that subscribed to it, both in the order of the subscriptions.

    The client has its own side of it, which `own` gives.
    """

    def __init__(self, own: Callable[["Client"], Names]) -> None:
        self._own = own
        self._clients: dict[bytes, dict[Client, None]] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._clients)

    def clients(self, name: bytes) -> Collection["Client"]:
        """Who subscribed to the name."""
        return self._clients.get(name, ())

    def of(self, client: "Client") -> list[bytes]:
        """What the client subscribed to."""
        return list(self._own(client))

    def matching(self, pattern: bytes) -> list[bytes]:
        """The names that a glob pattern fits."""
        glob = _glob(pattern)
        return [name for name in self if _fits(pattern, glob, _text(name))]

    def add(self, client: "Client", name: bytes) -> None:
        """Subscribe; once more changes nothing."""
        if name not in self._own(client):
            client.subscription_bytes += len(name) + NAME_OVERHEAD
            self._own(client)[name] = None
            self._clients.setdefault(name, {})[client] = None

    def remove(self, client: "Client", name: bytes) -> None:
        """Unsubscribe, where the client had subscribed. A name without clients is forgotten."""
        if name not in self._own(client):
            return
        client.subscription_bytes -= len(name) + NAME_OVERHEAD
        del self._own(client)[name]
        del self._clients[name][client]
        if not self._clients[name]:
            del self._clients[name]


class Patterns(Subscriptions):
    """Subscriptions to every channel that a pattern fits."""

    def __init__(self, own: Callable[["Client"], Names]) -> None:
        super().__init__(own)
        self._globs: dict[bytes, Glob] = {}

    def add(self, client: "Client", name: bytes) -> None:
        """As of a name; the pattern is compiled for the first client."""
        super().add(client, name)
        if name not in self._globs:
            self._globs[name] = _glob(name)

    def remove(self, client: "Client", name: bytes) -> None:
        """As of a name."""
        super().remove(client, name)
        if not self.clients(name):
            self._globs.pop(name, None)

    def fitting(self, channel: bytes) -> Iterator[bytes]:
        """The patterns that fit a channel."""
        text = _text(channel)
        return (pattern for pattern, glob in self._globs.items() if _fits(pattern, glob, text))


class Channels:
    """Channels, patterns of them, and shard channels: without a cluster those are but channels of another kind."""

    def __init__(self) -> None:
        self.channels = Subscriptions(lambda client: client.channels)
        self.patterns = Patterns(lambda client: client.patterns)
        self.shard_channels = Subscriptions(lambda client: client.shard_channels)

    def publish(self, channel: bytes, message: bytes, *, about: str = "") -> int:
        """Send a message to the subscribers of the channel, then to those of patterns that fit it; how often it was sent.

        about: the model that the message tells of; only those are told that may know of it.
        """
        sent = _send(self.channels.clients(channel), Message(b"message", channel, message), about)
        for pattern in self.patterns.fitting(channel):
            sent += _send(self.patterns.clients(pattern), Message(b"pmessage", pattern, channel, message), about)
        return sent

    def publish_to_shard(self, channel: bytes, message: bytes) -> int:
        """Send a message to the subscribers of a shard channel; how often it was sent. Patterns do not count."""
        return _send(self.shard_channels.clients(channel), Message(b"smessage", channel, message), "")

    def forget(self, client: "Client") -> None:
        """Unsubscribe a client from everything."""
        for kind in (self.channels, self.patterns, self.shard_channels):
            for name in kind.of(client):
                kind.remove(client, name)


def _fits(pattern: bytes, glob: Glob, channel: str) -> bool:
    """As Redis: the channel without a name fits the empty pattern alone, not even `*`."""
    return glob.matches(channel) if channel else not pattern


def _glob(pattern: bytes) -> Glob:
    """A pattern for channels: bytes, whatever they mean as text."""
    return Glob(_text(pattern))


def _text(name: bytes) -> str:
    """One character for each byte."""
    return name.decode("latin-1")


def _send(clients: Collection["Client"], message: Message, about: str) -> int:
    if about:
        clients = [client for client in clients if client.user.sees_all or client.user.sees(about)]
    for client in clients:
        message.send(client)
    return len(clients)
