"""Taking in the connections of one listening socket."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from functools import partial

__all__ = ["Acceptor", "Reception"]

ACCEPTED_AT_ONCE = 100
"""Connections taken in before the clients that are there get their turn."""

HANDSHAKE_SECONDS = 10.0
"""Time that a client has for the handshake of TLS."""

LEAVE_SECONDS = 2.0
"""Time that it has to read what is left and to say goodbye in TLS; one that reads nothing must not hold up a shutdown."""

REST_SECONDS = 1.0
"""Pause after the system had no room for another connection."""

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

_log = logging.getLogger("mcserver")


class Reception:
    """Makes protocols of accepted connections: at once, or after the handshake of TLS.

    connect: makes the protocol of a connection. room: for how many clients more; those in their handshake take it up, as in Redis.
    """

    connect: Callable[[], asyncio.BaseProtocol]
    room: Callable[[], int]

    def __init__(self) -> None:
        self._arriving: set[asyncio.Task[None]] = set()

    def receive(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        """Let an accepted connection in."""
        if context is not None and len(self._arriving) >= self.room():
            sock.close()
            return
        sock.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._let_in(sock, context))
        self._arriving.add(task)
        task.add_done_callback(partial(self._arrived, sock))

    def close(self) -> None:
        """Give up those that are not through yet."""
        for task in self._arriving:
            task.cancel()

    def _arrived(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self._arriving.discard(task)
        if task.cancelled():  # perhaps before it began
            sock.close()

    async def _let_in(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        times = {"ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": LEAVE_SECONDS} if context else {}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self.connect, sock, ssl=context, **times)
        except (OSError, ssl.CertificateError) as error:
            _log.debug("event=client-lost reason=%s", error or type(error).__name__)


class Acceptor:
    """A listening socket. `context`: what to encrypt new connections with, looked up for each; None does not encrypt."""

    def __init__(self, bound: socket.socket, reception: Reception, context: Callable[[], ssl.SSLContext | None]) -> None:
        self._socket = bound
        self._reception = reception
        self._context = context
        self._resting: asyncio.TimerHandle | None = None

    def start(self, backlog: int) -> None:
        """Listen. Raises OSError."""
        self._socket.listen(backlog)
        self._socket.setblocking(False)
        self._wait()

    def close(self) -> None:
        """Listen no more. Those that were let in stay."""
        if self._resting is not None:
            self._resting.cancel()
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _wait(self) -> None:
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, _ = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._rest(error)
                    return
                continue  # that one connection ended before it was taken in
            self._reception.receive(sock, self._context())

    def _rest(self, error: OSError) -> None:
        """What waits stays ready, so that the loop would ask again and again."""
        _log.warning("event=accept-failed reason=%s", error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        self._resting = loop.call_later(REST_SECONDS, self._wait)
