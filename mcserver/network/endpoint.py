"""Places to listen on: an address with a port, a path."""

import asyncio
import errno
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from mcserver.settings import Settings

__all__ = ["Endpoint", "Ends", "TcpEndpoint", "UnixEndpoint", "endpoints", "ends", "reason"]

_EVERYWHERE = {"*": "0.0.0.0", "::*": "::"}  # noqa: S104 - as Redis: only where the operator asks for it
_UNKNOWN = ("0.0.0.0", 0)  # noqa: S104 - what Redis shows for a client that was gone before it could be asked
_MISSING = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}
"""What the system says of an address that the machine does not have."""


@dataclass(frozen=True, slots=True)
class TcpEndpoint:
    """A port of one address. `optional`: the machine may lack the address."""

    address: str
    port: int
    tls: bool = False
    optional: bool = field(default=False, compare=False)

    def open(self) -> socket.socket:
        """A bound socket. Raises OSError."""
        host = _EVERYWHERE.get(self.address, self.address)
        family, _, _, _, target = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind(target)
        except OSError:
            bound.close()
            raise
        return bound

    def dispensable(self, error: OSError) -> bool:
        """Whether the server goes on without it where opening it gave this error."""
        return self.optional and error.errno in _MISSING

    def remove(self) -> None:
        """Nothing stays of a port."""

    def __str__(self) -> str:
        return f"{self.address} port {self.port}"


@dataclass(frozen=True, slots=True)
class UnixEndpoint:
    """A socket in the file system. `permissions` 0: what the system gives it."""

    path: str
    permissions: int = 0
    port = 0
    tls = False

    def open(self) -> socket.socket:
        """A bound socket; the file of a server that has ended makes room for it. Raises OSError."""
        self._clear()
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.bind(self.path)
            if self.permissions:  # nobody can have connected before: it does not listen yet
                Path(self.path).chmod(self.permissions)
        except OSError:
            bound.close()
            raise
        return bound

    def dispensable(self, error: OSError) -> bool:
        """Never: it was asked for by name."""
        return False

    def remove(self) -> None:
        """Take the file away, before the socket is closed: afterwards it could be that of the next server."""
        Path(self.path).unlink(missing_ok=True)

    def _clear(self) -> None:
        path = Path(self.path)
        if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(self.path)
            except ConnectionRefusedError:  # nobody listens: what the file belonged to has ended
                path.unlink()
            except BlockingIOError:  # somebody does, and has many waiting
                pass

    def __str__(self) -> str:
        return f"unix socket {self.path}"


Endpoint = TcpEndpoint | UnixEndpoint


def endpoints(settings: Settings) -> list[Endpoint]:
    """Where the settings ask the server to listen."""
    ports = [(settings.port, False), (settings.tls_port, True)]
    found: list[Endpoint] = [
        TcpEndpoint(address.removeprefix("-"), port, tls, optional=address.startswith("-"))
        for port, tls in ports
        for address in settings.bind
        if port
    ]
    if settings.unixsocket:
        found.append(UnixEndpoint(settings.unixsocket, settings.unixsocketperm))
    return found


class Ends(NamedTuple):
    """The two ends of a connection, as CLIENT LIST shows them. here: the client is on this machine."""

    remote: str
    local: str
    unix: bool
    here: bool


def ends(transport: asyncio.BaseTransport) -> Ends:
    """Who is connected to whom."""
    local, remote = (transport.get_extra_info(name) or _UNKNOWN for name in ("sockname", "peername"))
    if isinstance(local, str):
        return Ends(f"{local}:0", f"{local}:0", unix=True, here=True)
    host = ip_address(str(remote[0]).partition("%")[0])
    return Ends(_show(remote), _show(local), unix=False, here=host.is_loopback)


def _show(name: Sequence[object]) -> str:
    host, port = name[0], name[1]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def reason(error: OSError) -> str:
    """What the system says, in lower case."""
    return (error.strerror or str(error)).lower()
