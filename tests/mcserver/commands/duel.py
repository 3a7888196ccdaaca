"""The same words, on the same connections, to two servers; and every byte that comes back on each of them.

How it is known that a reply is complete, where there may be none, or several, on any of the connections: a server reads its sockets in
rounds. What was sent before one round trip on another connection has been read when the second one ends, and what Redis answered is here.
Ours may answer later, from a task: then it is waited for, as Redis' answers say how many there will be.
"""

import contextlib
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.mcserver.parts import pack

SECONDS = 20
SECONDS_FOR_MORE = 3
"""How long a server is waited for that has said less than the other: only where they differ."""

_AGGREGATES = {b"*": 1, b"~": 1, b">": 1, b"%": 2, b"|": 2}

Tree = tuple[bytes, "bytes | list[Tree] | None"]
"""A reply as its kind, the first byte, and the rest: text, the replies inside, or None for a null. Nothing of its bytes is lost."""


def read_reply(data: bytes, start: int = 0) -> tuple[Tree, int] | None:
    """The reply that begins at `start`, and where it ends; None where it is not whole yet."""
    line_end = data.find(b"\r\n", start)
    if line_end < 0:
        return None
    kind, line, end = data[start : start + 1], data[start + 1 : line_end], line_end + 2
    if kind in {b"$", b"="}:
        length = int(line)
        if length < 0:
            return (kind, None), end
        return ((kind, data[end : end + length]), end + length + 2) if end + length + 2 <= len(data) else None
    if kind not in _AGGREGATES:
        return (kind, line), end
    items: list[Tree] = []
    for _ in range(int(line) * _AGGREGATES[kind]):
        found = read_reply(data, end)
        if found is None:
            return None
        items.append(found[0])
        end = found[1]
    return (kind, None if line == b"-1" else items), end


@dataclass(slots=True)
class Heard:
    """What came back on one connection since it was last asked."""

    replies: list[Tree] = field(default_factory=list)
    closed: bool = False


class Peer:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._unread = b""
        self.heard = Heard()
        host, number = self._socket.getsockname()
        self.address = f"{host}:{number}".encode()
        self.id = 0

    def send(self, words: Sequence[bytes]) -> None:
        with contextlib.suppress(ConnectionError):  # it was closed; reading tells
            self._socket.sendall(pack(*words))

    def pump(self) -> None:
        """Take what has come."""
        with contextlib.suppress(BlockingIOError):
            while not self.heard.closed:
                self._take()

    def ask(self, *words: bytes) -> Tree | None:
        """The next reply; None where the server closes instead."""
        self.send(words)
        while not self.heard.replies and not self.heard.closed:
            ready, _, _ = select.select([self._socket], [], [], SECONDS)
            assert ready, (words, self._unread)
            self.pump()
        return self.heard.replies.pop(0) if self.heard.replies else None

    def take(self) -> Heard:
        """What was heard since the last time."""
        heard, self.heard = self.heard, Heard(closed=self.heard.closed)
        return heard

    def close(self) -> None:
        self._socket.close()

    def _take(self) -> None:
        try:
            data = self._socket.recv(1 << 20)
        except ConnectionError:
            data = b""
        self.heard.closed = not data
        self._unread += data
        while (found := read_reply(self._unread)) is not None:
            reply, end = found
            self.heard.replies.append(reply)
            self._unread = self._unread[end:]


class Side:
    """One of the two servers, with a control connection beside those that are compared."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.control = Peer(port)
        self.peers: list[Peer] = []

    def open(self, count: int) -> None:
        """So many new connections."""
        self.peers = [self._connect() for _ in range(count)]

    def reopen(self, number: int) -> None:
        """A new one in the place of one that is closed."""
        self.peers[number].close()
        self.peers[number] = self._connect()

    def send(self, number: int, words: Sequence[bytes]) -> None:
        """Say it on one of the connections. `<id:1>` stands for the id of a connection, `<addr:1>` for its address."""
        self.peers[number].send([self._meant(word) for word in words])

    def hear(self) -> list[Heard]:
        """What is answered on each connection, once all is answered that will be."""
        self._settle()
        return [peer.take() for peer in self.peers]

    def hear_as_much(self, expected: Sequence[Heard]) -> list[Heard]:
        """The same of a server that may answer later; what comes beyond what is expected is heard, too."""
        deadline = time.monotonic() + SECONDS_FOR_MORE
        self._settle()
        while not all(map(_reached, self.peers, expected)) and time.monotonic() < deadline:
            self._settle()
        self._settle()
        return [peer.take() for peer in self.peers]

    def close(self) -> None:
        """Close all connections but the control connection."""
        for peer in self.peers:
            peer.close()
        self.peers = []

    def command(self, *words: bytes) -> Tree:
        """The reply on the control connection, or on a new one where it was killed."""
        while (reply := self.control.ask(*words)) is None:
            self.control.close()
            self.control = Peer(self.port)
        return reply

    def _connect(self) -> Peer:
        peer = Peer(self.port)
        reply = peer.ask(b"CLIENT", b"ID")
        if reply is not None and reply[0] == b":":
            peer.id = int(reply[1])
        return peer

    def _settle(self) -> None:
        for _ in range(2):
            self.command(b"SPUBLISH", b"nobody", b"")  # is held back by any CLIENT PAUSE, as what it has to wait for
        for peer in self.peers:
            peer.pump()

    def _meant(self, word: bytes) -> bytes:
        for number, peer in enumerate(self.peers):
            word = word.replace(b"<id:%d>" % number, b"%d" % peer.id).replace(b"<addr:%d>" % number, peer.address)
        return word


def _reached(peer: Peer, expected: Heard) -> bool:
    return len(peer.heard.replies) >= len(expected.replies) and peer.heard.closed >= expected.closed
