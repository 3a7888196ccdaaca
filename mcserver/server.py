"""The TCP server: listening, admitting clients, timing them out, and shutting down in four steps."""

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from ipaddress import ip_address

from mcserver.connection import Connection
from mcserver.context import Client, Context
from mcserver.folder import StartupError
from mcserver.settings import Settings
from mcserver.statistics import ModelStatistics
from protocol.request import Limits, RequestParser

__all__ = ["Server", "bind_sockets"]

CRON_SECONDS = 1.0
OUTPUT_BUFFER = 256 * 1024
"""Unread replies of a client from which none of its further commands is read."""

DENIED = (
    "DENIED mcserver is running in protected mode because protected mode is enabled and no password is set for the default user. "
    "In this mode connections are only accepted from the loopback interface. Set a password with requirepass, or listen to loopback only."
)

_UNKNOWN = ("0.0.0.0", 0)  # noqa: S104 - what Redis shows for a client that was gone before it could be asked
_log = logging.getLogger("mcserver")


class Server:
    """Owns the sockets and the connections."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self._connections: dict[int, Connection] = {}
        self._forgot = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self._last_id = 0
        self._cron: asyncio.Task[None] | None = None
        self._limits = self._read_limits()
        for name in ("proto-max-bulk-len", "client-query-buffer-limit"):
            self._settings.subscribe(name, self._refresh_limits)

    async def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Begin to serve on these sockets. Raises StartupError."""
        loop = asyncio.get_running_loop()
        for bound in sockets:
            try:
                listening = await loop.create_server(self._connect, sock=bound, backlog=self._settings.tcp_backlog)
            except OSError as error:  # another process was bound to the port too, and was the first to listen
                raise StartupError(f"cannot listen on {_address(bound.getsockname())}: {_reason(error)}") from None
            self._servers.append(listening)
        self._cron = asyncio.create_task(self._run_cron())

    async def close(self) -> None:
        """Shut down: stop listening, ask the connections to finish, wait with a deadline, cut off the rest and say how many."""
        if self._cron is not None:
            self._cron.cancel()
        for server in self._servers:
            server.close()
        for connection in list(self._connections.values()):
            connection.finish()
        try:
            await asyncio.wait_for(self._all_gone(), self._settings.shutdown_timeout)
        except TimeoutError:
            _log.warning("event=connections-cut count=%d", len(self._connections))
        for connection in list(self._connections.values()):
            connection.abort()
        await self._all_gone()

    def parser(self) -> RequestParser:
        """A parser with the limits in force."""
        return RequestParser(self._limits, authenticated=not self._settings.requirepass)

    def admit(self, connection: Connection) -> str:
        """Make the connection a client; a refusal's text where it may not be one."""
        self._context.statistics.connections_received += 1
        peer, local = (connection.transport.get_extra_info(name) or _UNKNOWN for name in ("peername", "sockname"))
        refusal = ""
        if len(self._connections) >= self._settings.maxclients:
            refusal = "max number of clients reached"
        elif not self._allowed(peer):
            refusal = DENIED
        if refusal:
            self._context.statistics.connections_rejected += 1
            return refusal
        self._last_id += 1
        now, sock = self._context.cache.clock(), connection.socket
        connection.client = Client(
            id=self._last_id,
            address=_address(peer),
            local_address=_address(local),
            fd=sock.fileno(),
            created=now,
            last_active=now,
            authenticated=not self._settings.requirepass,
            close=connection.finish,
            buffered=connection.buffered,
        )
        connection.transport.set_write_buffer_limits(high=OUTPUT_BUFFER)
        _keep_alive(sock, self._settings.tcp_keepalive)
        self._connections[self._last_id] = connection
        self._context.clients[self._last_id] = connection.client
        return ""

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        self._connections.pop(connection.client.id, None)
        self._forgot.set()
        self._context.clients.pop(connection.client.id, None)

    def check_output(self, connection: Connection) -> None:
        """Cut off a client whose unread replies passed the hard limit."""
        hard = self._settings.client_output_buffer_limit.normal.hard
        if hard and connection.buffered()[1] > hard:
            self._context.statistics.output_limit_disconnections += 1
            connection.abort()

    def count_exact(self, statistics: ModelStatistics, hits: int, begun: float) -> float:
        """Count lookups of one model that the exact path answered since `begun` on the timer; the time now."""
        now = self._context.cache.timer()
        microseconds = int((now - begun) * 1_000_000)
        statistics.exact += hits
        statistics.latency.record(microseconds // hits, hits)
        self._context.statistics.command("mc.get").record(microseconds, hits)
        return now

    async def _all_gone(self) -> None:
        while self._connections:
            self._forgot.clear()
            await self._forgot.wait()

    def _connect(self) -> Connection:
        return Connection(self, self._context)

    def _allowed(self, peer: Sequence[object]) -> bool:
        """Protected mode: without a password only clients of this machine."""
        if not self._settings.protected_mode or self._settings.requirepass:
            return True
        return ip_address(str(peer[0]).partition("%")[0]).is_loopback

    async def _run_cron(self) -> None:
        while True:
            await asyncio.sleep(CRON_SECONDS)
            self._context.statistics.sample(time.monotonic())
            self._close_idle(self._context.cache.clock())

    def _close_idle(self, now: float) -> None:
        timeout = self._settings.timeout
        if not timeout:
            return
        for connection in list(self._connections.values()):
            since = connection.idle_since()
            if since is not None and now - since > timeout:
                connection.finish()

    def _read_limits(self) -> Limits:
        return Limits(bulk=self._settings.proto_max_bulk_len, query_buffer=self._settings.client_query_buffer_limit)

    def _refresh_limits(self) -> None:
        self._limits = self._read_limits()
        for connection in self._connections.values():
            connection.limit(self._limits)


def bind_sockets(settings: Settings) -> list[socket.socket]:
    """A socket for every address of `bind`, all on one port. Raises StartupError with one line."""
    sockets: list[socket.socket] = []
    port = settings.port
    for address in settings.bind:
        try:
            sockets.append(_bind(address.removeprefix("-"), port))
        except OSError as error:
            if address.startswith("-"):
                continue
            raise StartupError(f"cannot listen on {address} port {port}: {_reason(error)}") from None
        port = sockets[0].getsockname()[1]  # with port 0 the other addresses take the one that the first was given
    if not sockets:
        raise StartupError(f"none of the addresses of bind can be listened on: {' '.join(settings.bind)}")
    return sockets


def _bind(address: str, port: int) -> socket.socket:
    everywhere = {"*": "0.0.0.0", "::*": "::"}  # noqa: S104 - as Redis: only where the operator asks for it
    host = everywhere.get(address, address)
    family, _, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
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


def _keep_alive(sock: socket.socket, seconds: int) -> None:
    """As Redis: probe an idle connection after `seconds`, three times within as long again."""
    if not seconds:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # Linux; elsewhere the system's own times hold
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, seconds // 3))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _address(name: Sequence[object]) -> str:
    host, port = name[0], name[1]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
