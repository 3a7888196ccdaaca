"""Clients that a server must not let disturb the others: `python -m tests.e2e.bad_clients KIND PORT [NUMBER]`.

A process of its own, so that it does not take time from the client that is measured. It prints `ready` when it has begun, and goes on until
its standard input ends.
"""

import contextlib
import itertools
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

Port = int
MB = 1024 * 1024
LARGE_BULK = 512 * MB


def connect(port: Port) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def deaf(port: Port, number: int) -> Iterator[None]:
    """Ask for 20 GB of replies on every connection, and read none."""
    request = b"*3\r\n$6\r\nMC.GET\r\n$5\r\nlarge\r\n$8\r\nquestion\r\n" * 1000
    peers = [connect(port) for _ in range(number)]
    for peer in peers:
        peer.setblocking(False)
    while True:
        for peer in peers:
            with contextlib.suppress(BlockingIOError):
                peer.send(request)
        yield
        time.sleep(0.01)


def dripping(port: Port, number: int) -> Iterator[None]:
    """Send a request, a byte a second."""
    request = b"*3\r\n$6\r\nMC.GET\r\n$5\r\nsmall\r\n$8\r\nquestion\r\n"
    peers = [connect(port) for _ in range(number)]
    for position, peer in ((position, peer) for position in itertools.cycle(range(len(request))) for peer in peers):
        peer.sendall(request[position : position + 1])
        if peer is peers[0]:
            yield
        time.sleep(1 / number)


def idle(port: Port, number: int) -> Iterator[None]:
    """Do nothing."""
    peers = [connect(port) for _ in range(number)]
    while len(peers) == number:
        yield
        time.sleep(0.1)


def large_bulk(port: Port, number: int) -> Iterator[None]:
    """Send an answer of 512 MB to MC.SET, as often as it is let."""
    piece = bytes(MB)
    while True:
        with contextlib.suppress(ConnectionError), connect(port) as peer:
            peer.sendall(b"*4\r\n$6\r\nMC.SET\r\n$5\r\nlarge\r\n$5\r\nother\r\n$%d\r\n" % LARGE_BULK)
            for _ in range(LARGE_BULK // MB):
                peer.sendall(piece)
                yield
            peer.sendall(b"\r\n")
            print(f"reply: {peer.recv(4096)!r}", flush=True)


def endless_line(port: Port, number: int) -> Iterator[None]:
    """Send a line that does not end, as often as it is let."""
    while True:
        with contextlib.suppress(ConnectionError), connect(port) as peer:
            for _ in range(100):
                peer.sendall(b"a" * 65536)
                yield


KINDS: dict[str, Callable[[Port, int], Iterator[None]]] = {kind.__name__: kind for kind in (deaf, dripping, idle, large_bulk, endless_line)}
"""Generators that yield now and then, first when they have begun."""


def main(kind: str, port: str, number: str = "1") -> None:
    """Go on until standard input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    for step, _ in enumerate(KINDS[kind](int(port), int(number))):
        if step == 0:
            print("ready", flush=True)
        if ended.is_set():
            break


if __name__ == "__main__":
    main(*sys.argv[1:])
