"""What the server listens on: TCP ports with and without TLS, and a unix socket. Changed while it runs, all or nothing."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress

from mcserver.folder import StartupError
from mcserver.network.acceptor import Acceptor, Reception
from mcserver.network.endpoint import Endpoint, endpoints, reason
from mcserver.network.tls import TlsError, make_context
from mcserver.settings import SettingError, Settings

__all__ = ["Listener"]

_PORTS = ("bind", "port", "tls-port")
_TLS = (
    "tls-port tls-cert-file tls-key-file tls-key-file-pass tls-ca-cert-file tls-ca-cert-dir tls-auth-clients tls-protocols tls-ciphers "
    "tls-ciphersuites tls-prefer-server-ciphers tls-dh-params-file"
).split()

_log = logging.getLogger("mcserver")


class ListenError(Exception):
    """An endpoint that cannot be listened on. `taken`: somebody else is there."""

    def __init__(self, endpoint: Endpoint, error: OSError) -> None:
        super().__init__(f"cannot listen on {endpoint}: {reason(error)}")
        self.taken = error.errno == errno.EADDRINUSE


class Listener:
    """Owns the listening sockets: bound when made, so that a port in use is known before anything slow; listening from `start` on."""

    def __init__(self, settings: Settings) -> None:
        """Raises StartupError."""
        self._settings = settings
        self._bound: dict[Endpoint, socket.socket] = {}
        self._acceptors: dict[Endpoint, Acceptor] = {}
        self._reception = Reception()
        try:
            self._context = make_context(settings) if settings.tls_port else None
            self._bound = _open(endpoints(settings))
        except (TlsError, ListenError) as error:
            raise StartupError(str(error)) from None
        if not self._bound:
            raise StartupError("there is nothing to listen on: set port or tls-port with an address of this machine in bind, or unixsocket")

    def start(self, connect: Callable[[], asyncio.BaseProtocol], room: Callable[[], int]) -> None:
        """Let clients in, each to a protocol of its own, and follow the settings. room: for how many more. Raises StartupError."""
        self._reception.connect, self._reception.room = connect, room
        try:
            self._listen(self._bound)
        except ListenError as error:  # another process was bound to the port too, and was the first to listen
            raise StartupError(str(error)) from None
        self._bound = {}
        self._settings.govern(_TLS, self._renew)
        self._settings.govern(_PORTS, self._move)

    def renew(self) -> None:
        """Read the files of TLS again; where they are no good, say so in the log and go on with what was read before."""
        with suppress(SettingError):
            self._settings.assign([("tls-cert-file", self._settings.tls_cert_file)])

    def close(self) -> None:
        """Listen no more; the clients that are there stay."""
        self._reception.close()
        self._stop(list(self._acceptors))
        _close(self._bound)
        self._bound = {}

    @contextmanager
    def _renew(self, name: str) -> Iterator[None]:
        """New connections are encrypted with what the settings say now, those that are there go on as they are."""
        try:
            context = make_context(self._settings) if self._settings.tls_port else None
        except TlsError as error:
            _log.warning("event=tls-refused reason=%s", error)
            raise SettingError("Unable to update TLS configuration. Check server logs.") from None
        yield
        self._context = context
        if context is not None:
            _log.info("event=tls-ready certificate=%s", self._settings.tls_cert_file)

    @contextmanager
    def _move(self, name: str) -> Iterator[None]:
        """The new sockets listen before the old ones are closed."""
        wanted = endpoints(self._settings)
        arriving = [endpoint for endpoint in wanted if endpoint not in self._acceptors]
        leaving = [endpoint for endpoint in self._acceptors if endpoint not in wanted]
        with ExitStack() as undo:
            try:
                self._replace(arriving, leaving, undo)
            except ListenError as error:
                _log.warning("event=listen-failed reason=%s", error)
                text = "Failed to bind to specified addresses." if name == "bind" else "Unable to listen on this port. Check server logs."
                raise SettingError(text) from None
            yield
            undo.pop_all()
        self._stop(leaving)

    def _replace(self, arriving: list[Endpoint], leaving: list[Endpoint], undo: ExitStack) -> None:
        """Listen on those that arrive. Where one that leaves is in their way (the same port of all addresses, say), it is closed first."""
        try:
            self._listen(_open(arriving))
        except ListenError as error:
            ports = {endpoint.port for endpoint in arriving}
            blocking = [endpoint for endpoint in leaving if endpoint.port in ports]
            if not (error.taken and blocking):
                raise
            undo.callback(self._listen_again, blocking)
            self._stop(blocking)
            self._listen(_open(arriving))
        undo.callback(self._stop, arriving)

    def _listen(self, bound: dict[Endpoint, socket.socket]) -> None:
        """Listen on all of these sockets, or close them all. Raises ListenError."""
        for endpoint, sock in bound.items():
            acceptor = Acceptor(sock, self._reception, self._find_context if endpoint.tls else _no_context)
            try:
                acceptor.start(self._settings.tcp_backlog)
            except OSError as error:
                self._stop(bound)
                _close(bound)
                raise ListenError(endpoint, error) from None
            self._acceptors[endpoint] = acceptor

    def _listen_again(self, closed: Iterable[Endpoint]) -> None:
        try:
            self._listen(_open(closed))
        except ListenError as error:
            _log.error("event=listen-failed reason=%s", error)

    def _stop(self, leaving: Iterable[Endpoint]) -> None:
        for endpoint in leaving:
            acceptor = self._acceptors.pop(endpoint, None)
            if acceptor is not None:
                endpoint.remove()
                acceptor.close()

    def _find_context(self) -> ssl.SSLContext | None:
        return self._context


def _no_context() -> None:
    return None


def _open(wanted: Iterable[Endpoint]) -> dict[Endpoint, socket.socket]:
    """A bound socket for each, without those that can be done without. Raises ListenError."""
    opened: dict[Endpoint, socket.socket] = {}
    for endpoint in wanted:
        try:
            opened[endpoint] = endpoint.open()
        except OSError as error:
            if endpoint.dispensable(error):
                continue
            _close(opened)
            raise ListenError(endpoint, error) from None
    return opened


def _close(opened: Mapping[Endpoint, socket.socket]) -> None:
    for endpoint, bound in opened.items():
        endpoint.remove()
        bound.close()
