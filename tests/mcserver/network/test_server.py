"""Admission, time-outs, sockets and shutdown."""

import asyncio
import socket
from types import SimpleNamespace

import pytest

from mcserver.network import server as module
from mcserver.network.listener import Listener
from mcserver.network.server import Server
from mcserver.settings import Settings
from tests.mcserver.parts import Peer, Tcp, error_text, free_port, until


class TestAdmission:
    async def test_a_client_as_it_is_shown(self, parts, tcp):
        peer = await tcp.connect()
        assert await peer.ask("CLIENT", "ID") == 1
        [client] = parts.context.clients.values()
        host, port = peer.writer.get_extra_info("sockname")
        assert client.address == f"{host}:{port}"
        assert client.local_address == f"127.0.0.1:{tcp.port}"
        assert (await (await tcp.connect()).ask("CLIENT", "ID")) == 2

    async def test_only_so_many(self, parts, tcp):
        parts.settings.assign([("maxclients", "1")])
        first, second = await tcp.connect(), None
        assert await first.ask("PING") == b"PONG"
        second = await tcp.connect()
        assert error_text(await second.reply()) == "ERR max number of clients reached"
        assert await second.ended()
        assert await first.ask("PING") == b"PONG"
        statistics = parts.context.statistics
        assert (statistics.connections_received, statistics.connections_rejected) == (2, 1)
        await first.close()
        await until(lambda: not parts.context.clients)
        assert await (await tcp.connect()).ask("PING") == b"PONG"

    @pytest.mark.parametrize(
        ("peer", "settings", "allowed"),
        [
            ("127.0.0.1", {}, True),
            ("127.8.8.8", {}, True),
            ("::1", {}, True),
            ("192.168.1.7", {}, False),
            ("fe80::1%eth0", {}, False),
            ("192.168.1.7", {"requirepass": "x"}, True),
            ("2001:db8::1", {"requirepass": "x"}, True),
            ("192.168.1.7", {"protected-mode": "no"}, True),
            ("192.168.1.7", {"protected-mode": "no", "bind": "127.0.0.1 192.168.1.2"}, True),
            ("192.168.1.7", {"bind": "127.0.0.1 192.168.1.2"}, False),
        ],
    )
    async def test_protected_mode(self, parts, peer, settings, allowed):
        parts.settings.assign(list(settings.items()))
        refusal = Server(parts.context).admit(FakeConnection(peer))
        assert (refusal is None) == allowed
        if not allowed:
            assert refusal.code == "DENIED"
            assert str(refusal).startswith("mcserver is running in protected mode")

    @pytest.mark.parametrize(("nopass", "allowed"), [(True, False), (False, True)])
    async def test_protected_mode_follows_the_default_user(self, parts, nopass, allowed):
        """Its password may have been given with ACL, and there may be other users."""
        parts.context.access.default.nopass = nopass
        assert (Server(parts.context).admit(FakeConnection("192.168.1.7")) is None) == allowed

    async def test_protected_mode_as_it_is_switched(self, parts):
        """A client of this machine that comes by another address than loopback counts as one from outside."""
        server, port = Server(parts.context), free_port()
        server.listen(Listener(Settings(bind=("*",), port=port)))

        async def first_reply():
            peer = Peer(*await asyncio.open_connection(outward_address(), port))
            peer.send("PING")
            reply = await peer.reply()
            peer.writer.transport.abort()
            return str(reply)

        assert (await first_reply()).startswith("DENIED ")
        parts.settings.assign([("requirepass", "secret")])
        assert (await first_reply()).startswith("NOAUTH ")
        parts.settings.assign([("requirepass", "")])
        assert (await first_reply()).startswith("DENIED ")
        parts.settings.assign([("protected-mode", "no")])
        assert await first_reply() == "b'PONG'"
        await server.close()

    async def test_a_client_that_is_gone_already(self, parts):
        connection = FakeConnection(None)
        assert "protected mode" in str(Server(parts.context).admit(connection))

    async def test_ipv6_addresses_are_in_brackets(self, parts):
        connection = FakeConnection("::1")
        Server(parts.context).admit(connection)
        assert connection.client.address == "[::1]:5000"

    async def test_a_unix_socket(self, parts, tmp_path):
        """Protected mode is not for them, nor are probes of the line."""
        path = str(tmp_path / "s")
        server = Server(parts.context)
        server.listen(Listener(Settings(port=0, unixsocket=path)))
        reader, writer = await asyncio.open_unix_connection(path)
        peer = Peer(reader, writer)
        shown = await peer.ask("CLIENT", "INFO")
        assert f" addr={path}:0 laddr={path}:0 " in shown.decode()
        assert " flags=U " in shown.decode()
        writer.transport.abort()
        await server.close()

    @pytest.mark.parametrize("seconds", ["0", "1", "300"])
    async def test_keep_alive(self, parts, tcp, seconds):
        parts.settings.assign([("tcp-keepalive", seconds)])
        peer = await tcp.connect()
        await peer.ask("PING")
        [connection] = tcp.server._connections.values()
        sock = connection.socket
        assert bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) == (seconds != "0")
        if seconds != "0" and hasattr(socket, "TCP_KEEPIDLE"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == int(seconds)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == max(1, int(seconds) // 3)


def outward_address() -> str:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("the machine has loopback only")
        address: str = probe.getsockname()[0]
        return address


class FakeConnection:
    """As much of a connection as admission looks at."""

    finish = buffered = None

    def __init__(self, peer: str | None) -> None:
        names = {"peername": peer and (peer, 5000), "sockname": ("127.0.0.1", 6380)}
        self.transport = SimpleNamespace(get_extra_info=names.get, set_write_buffer_limits=lambda high: None)
        self.socket = SimpleNamespace(fileno=lambda: 7, setsockopt=lambda *option: None)


class TestIdle:
    async def test_closed_after_the_timeout(self, parts, tcp):
        parts.settings.assign([("timeout", "10")])
        idle, busy, active = [await tcp.connect() for _ in range(3)]
        for peer in (idle, busy, active):
            await peer.ask("PING")
        parts.embedder.holding = True
        await busy.ask("MC.CREATE", "m")
        busy.send("MC.GET", "m", "a")
        held = await parts.embedder.held()
        parts.clock.seconds += 10.5
        await active.ask("PING")
        tcp.server._close_idle(parts.clock())
        assert await idle.ended()
        held.release()
        assert await busy.reply() is None
        assert await active.ask("PING") == b"PONG"

    async def test_never_by_default(self, parts, tcp):
        peer = await tcp.connect()
        await peer.ask("PING")
        parts.clock.seconds += 1e6
        tcp.server._close_idle(parts.clock())
        assert await peer.ask("PING") == b"PONG"

    async def test_looked_at_again_and_again(self, parts, tcp, monkeypatch):
        monkeypatch.setattr(module, "CRON_SECONDS", 0)
        parts.settings.assign([("timeout", "10")])
        second = Tcp(parts)
        await second.listen()
        peer = await second.connect()
        await peer.ask("PING")
        parts.clock.seconds += 11
        assert await peer.ended()
        assert parts.context.statistics.sampled is not None
        await second.close()


class TestShutdown:
    async def test_idle_clients_are_let_go(self, tcp):
        peer = await tcp.connect()
        await peer.ask("PING")
        await tcp.server.close()
        assert await peer.ended()
        with pytest.raises(ConnectionRefusedError):
            await tcp.connect()

    async def test_what_was_received_is_finished(self, parts, tcp):
        peer = await tcp.connect()
        parts.embedder.holding = True
        peer.send("MC.SET", "m", "a", "1")
        peer.send("MC.GET", "m", "a")
        held = await parts.embedder.held()
        closing = asyncio.create_task(tcp.server.close())
        await parts.cache.gate.opened()
        held.release()
        assert await peer.replies(2) == [b"OK", b"1"]
        assert await peer.ended()
        await closing

    async def test_a_deadline(self, parts, tcp, caplog):
        parts.settings.assign([("shutdown-timeout", "0")])
        peer = await tcp.connect()
        await peer.ask("MC.CREATE", "m")
        parts.embedder.holding = True
        peer.send("MC.GET", "m", "a")
        await parts.embedder.held()
        await tcp.server.close()
        assert "event=connections-cut count=1" in caplog.messages
        with pytest.raises((EOFError, ConnectionError)):
            await peer.reply()

    async def test_before_it_ever_listened(self, parts):
        await Server(parts.context).close()
