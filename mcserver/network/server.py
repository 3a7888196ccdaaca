"""The TCP server: listening, admitting clients, timing them out, and shutting down in four steps."""

import asyncio
import logging
import socket
import time

from mcserver.context import Client, Context
from mcserver.network.connection import SMALL_BUFFERS, Connection
from mcserver.network.endpoint import ends
from mcserver.network.listener import Listener
from mcserver.network.outbox import Outbox
from mcserver.telemetry.client import CONNECTION_BYTES
from mcserver.telemetry.heartbeat import beat
from mcserver.telemetry.statistics import ModelStatistics
from protocol.errors import CommandError
from protocol.request import Limits, RequestParser

__all__ = ["Server"]

CRON_SECONDS = 1.0
OUTPUT_BUFFER = 256 * 1024
"""Unread replies of a client from which none of its further commands is read."""

DENIED = (
    "mcserver is running in protected mode because protected mode is enabled and no password is set for the default user. "
    "In this mode connections are only accepted from the loopback interface. Set a password with requirepass, or listen to loopback only."
)

_log = logging.getLogger("mcserver")


class Server:
    """Owns the sockets and the connections."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self._connections: dict[int, Connection] = {}
        self._forgot = asyncio.Event()
        self.outbox = Outbox()
        self._listener: Listener | None = None
        self._last_id = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._buffered = 0
        self._limits = self._read_limits()
        self._settings.subscribe("maxmemory-clients", self._evict)
        self._settings.subscribe("client-output-buffer-limit", self._refresh_output)
        for name in ("proto-max-bulk-len", "client-query-buffer-limit"):
            self._settings.subscribe(name, self._refresh_limits)

    def listen(self, listener: Listener) -> None:
        """Begin to serve the clients that come in there. Raises StartupError."""
        listener.start(self._connect, self._room)
        self._listener = listener
        self._tasks = [asyncio.create_task(self._run_cron()), asyncio.create_task(beat(self._context.latency, self._context.cache))]

    async def close(self) -> None:
        """Shut down: stop listening, ask the connections to finish, wait with a deadline, cut off the rest and say how many."""
        for task in self._tasks:
            task.cancel()
        if self._listener is not None:
            self._listener.close()
        self._context.pause.end()
        for connection in list(self._connections.values()):
            connection.close()
        try:
            await asyncio.wait_for(self._all_gone(), self._settings.shutdown_timeout)
        except TimeoutError:
            _log.warning("event=connections-cut count=%d", len(self._connections))
        for connection in list(self._connections.values()):
            connection.abort()
        await self._all_gone()

    def parser(self) -> RequestParser:
        """A parser with the limits in force."""
        return RequestParser(self._limits, authenticated=self._context.access.default.open)

    def admit(self, connection: Connection) -> CommandError | None:
        """Make the connection a client; the reason where it may not be one."""
        self._context.statistics.connections_received += 1
        peer = ends(connection.transport)
        refusal = None
        if self._room() <= 0:
            refusal = CommandError("max number of clients reached")
        elif not peer.here and self._protected():
            refusal = CommandError(DENIED, code="DENIED")
        if refusal is not None:
            self._context.statistics.connections_rejected += 1
            return refusal
        self._last_id += 1
        now, sock = self._context.cache.clock(), connection.socket
        connection.client = Client(
            id=self._last_id,
            address=peer.remote,
            local_address=peer.local,
            unix=peer.unix,
            fd=sock.fileno(),
            created=now,
            last_active=now,
            user=self._context.access.default,
            authenticated=self._context.access.default.open,
            link=connection,
        )
        connection.transport.set_write_buffer_limits(high=self._output_buffer())
        if not peer.unix:
            _keep_alive(sock, self._settings.tcp_keepalive)
        self._connections[self._last_id] = connection
        self._context.clients[self._last_id] = connection.client
        return None

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        self._connections.pop(connection.client.id, None)
        self._forgot.set()
        self._buffered -= connection.counted
        connection.counted = 0
        self._context.forget(connection.client)

    def check_output(self, connection: Connection) -> None:
        """Cut off a client whose unread replies passed the hard limit, or were over the soft one for too long."""
        client, unread = connection.client, connection.buffers().unread
        limits = self._settings.client_output_buffer_limit
        # A monitor is sent things unasked, as a subscriber is; that it reads nothing must not cost the memory that others need.
        limit = limits.pubsub if client.subscribed or client.monitoring else limits.normal
        if unread <= limit.soft or not limit.soft:
            connection.over_soft_limit = None
        elif connection.over_soft_limit is None:
            connection.over_soft_limit = self._context.cache.timer()
        since = connection.over_soft_limit
        outstayed = since is not None and self._context.cache.timer() - since >= limit.seconds
        stranger = not (client.authenticated or self._context.access.default.open)  # errors are all that it can leave unread
        if (limit.hard and unread > limit.hard) or outstayed or (stranger and unread > OUTPUT_BUFFER):
            self._context.statistics.output_limit_disconnections += 1
            _log.warning("event=client-cut reason=output-buffer client=%d address=%s unread=%d", client.id, client.address, unread)
            connection.abort()

    def count_buffers(self, connection: Connection) -> None:
        """Keep the sum of the connections' buffers, and within maxmemory-clients. A MULTI without end is cut off."""
        if connection.client.transaction_bytes > self._settings.client_query_buffer_limit:
            self._context.statistics.query_limit_disconnections += 1
            connection.abort()
        size = sum(connection.buffers())
        counted = size + CONNECTION_BYTES if size > SMALL_BUFFERS else 0
        self._buffered += counted - connection.counted
        connection.counted = counted
        if counted:
            self._context.holding[connection.client.id] = connection.client
        else:
            self._context.holding.pop(connection.client.id, None)
        self._evict()

    def _evict(self) -> None:
        """Cut off the clients that hold the most, until the rest is within maxmemory-clients."""
        limit = self._settings.maxmemory_clients
        if not limit or self._buffered <= limit:
            return
        found = [self._connections[number] for number in self._context.holding if number in self._connections]
        largest = sorted(found, key=lambda connection: connection.counted, reverse=True)
        for connection in largest:
            if self._buffered <= limit or not connection.counted:
                return
            if not connection.client.no_evict:
                self._context.statistics.evicted_clients += 1
                _log.warning("event=client-cut reason=maxmemory-clients client=%d bytes=%d", connection.client.id, connection.counted)
                self._buffered -= connection.counted
                connection.counted = 0
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

    def _room(self) -> int:
        """For how many clients more."""
        return self._settings.maxclients - len(self._connections)

    def _protected(self) -> bool:
        """Protected mode: while no password is asked for, only clients of this machine are served."""
        return self._settings.protected_mode and self._context.access.default.nopass

    async def _run_cron(self) -> None:
        while True:
            await asyncio.sleep(CRON_SECONDS)
            if self._context.cron_paused:
                continue
            self._context.statistics.sample(time.monotonic())
            self._close_idle(self._context.cache.clock())
            for connection in list(self._connections.values()):
                if connection.over_soft_limit is not None:
                    self.check_output(connection)

    def _close_idle(self, now: float) -> None:
        timeout = self._settings.timeout
        if not timeout:
            return
        for connection in list(self._connections.values()):
            since = connection.idle_since()
            if since is not None and now - since > timeout:
                connection.close()

    def _read_limits(self) -> Limits:
        return Limits(bulk=self._settings.proto_max_bulk_len, query_buffer=self._settings.client_query_buffer_limit)

    def _output_buffer(self) -> int:
        """How much a client may leave unread before its limits are looked at, and none of its further commands."""
        limits = self._settings.client_output_buffer_limit
        given = [size for limit in (limits.normal, limits.pubsub) for size in (limit.hard, limit.soft) if size]
        return min([OUTPUT_BUFFER, *given])

    def _refresh_output(self) -> None:
        for connection in self._connections.values():
            connection.transport.set_write_buffer_limits(high=self._output_buffer())

    def _refresh_limits(self) -> None:
        self._limits = self._read_limits()
        for connection in self._connections.values():
            connection.limit(self._limits)


def _keep_alive(sock: socket.socket, seconds: int) -> None:
    """As Redis: probe an idle connection after `seconds`, three times within as long again."""
    if not seconds:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # Linux; elsewhere the system's own times hold
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, seconds // 3))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
