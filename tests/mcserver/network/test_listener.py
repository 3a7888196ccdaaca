"""What is listened on: from the start, and after changes while the server runs."""

import asyncio
import errno
import os
import resource
import socket
import ssl
from unittest.mock import Mock

import pytest

from mcserver.folder import StartupError
from mcserver.network import acceptor
from mcserver.network.listener import Listener
from mcserver.settings import SettingError, Settings
from tests.certificates import Authority
from tests.mcserver.parts import free_port, until

FAILED = "CONFIG SET failed (possibly related to argument '{}') - {}"
NO_PORT = "Unable to listen on this port. Check server logs."
NO_BIND = "Failed to bind to specified addresses."
NO_TLS = "Unable to update TLS configuration. Check server logs."


class Greeter(asyncio.Protocol):
    """Says hello and keeps the connection."""

    def connection_made(self, transport):
        transport.write(b"hello")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
async def listen():
    """Make a listener with these settings that lets clients in; both, to look at and to change."""
    made = []

    def begin(clients=0, **options):
        settings = Settings(**({"bind": ("127.0.0.1",), "port": free_port()} | options))
        made.append(Listener(settings))
        made[-1].start(Greeter, lambda: settings.maxclients - clients)
        return made[-1], settings

    yield begin
    for listener in made:
        listener.close()


@pytest.fixture
def encryption(authority):
    """Settings of TLS."""
    identity = authority.issue("server")
    names = {"tls_cert_file": identity.certificate, "tls_key_file": identity.key, "tls_ca_cert_file": authority.file}
    return {"tls_auth_clients": "no"} | {name: str(path) for name, path in names.items()}


async def greeting(port=None, *, host="127.0.0.1", path=None, authority=None):
    """What a client is greeted with; with an authority, over TLS. OSError where nobody is there."""
    if path:
        reader, writer = await asyncio.open_unix_connection(path)
    else:
        context = ssl.create_default_context(cafile=authority.file) if authority else None
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
    async with asyncio.timeout(10):
        greeted = await reader.read(5)
    writer.transport.abort()
    return greeted


async def open_at(*ports, host="127.0.0.1"):
    """Which of the ports are listened on."""
    found = []
    for port in ports:
        try:
            found.append(await greeting(port, host=host) == b"hello")
        except ConnectionRefusedError:
            found.append(False)
    return found


def refusal(settings, *pairs):
    before = settings.describe(["*"])
    with pytest.raises(SettingError) as raised:
        settings.assign(pairs)
    assert settings.describe(["*"]) == before
    return str(raised.value)


class TestStart:
    async def test_everywhere_at_once(self, listen, authority, encryption, tmp_path):
        port, tls_port, path = free_port(), free_port(), str(tmp_path / "s")
        listen(bind=("127.0.0.1", "127.0.0.2"), port=port, tls_port=tls_port, unixsocket=path, **encryption)
        assert await greeting(port) == await greeting(port, host="127.0.0.2") == b"hello"
        assert await greeting(tls_port, authority=authority) == await greeting(path=path) == b"hello"

    async def test_tls_alone(self, listen, authority, encryption):
        tls_port = free_port()
        listen(port=0, tls_port=tls_port, **encryption)
        assert await greeting(tls_port, authority=authority) == b"hello"

    async def test_a_unix_socket_alone(self, listen, tmp_path):
        listen(port=0, unixsocket=str(tmp_path / "s"))
        assert await greeting(path=str(tmp_path / "s")) == b"hello"

    async def test_an_address_that_may_be_missing(self, listen):
        port = free_port()
        listen(bind=("-192.0.2.1", "127.0.0.1"), port=port)
        assert await open_at(port) == [True]

    @pytest.mark.parametrize("options", [{"bind": ()}, {"port": 0}, {"bind": ("-192.0.2.1",)}])
    def test_nowhere(self, options):
        with pytest.raises(StartupError, match="there is nothing to listen on: set port or tls-port"):
            Listener(Settings(**options))

    def test_an_address_that_is_missing(self):
        port = free_port()
        with pytest.raises(StartupError, match=f"cannot listen on 192.0.2.1 port {port}: cannot assign requested address"):
            Listener(Settings(bind=("127.0.0.1", "192.0.2.1"), port=port))
        Listener(Settings(bind=("127.0.0.1",), port=port)).close()

    def test_an_address_that_is_none(self):
        with pytest.raises(StartupError, match=r"cannot listen on 999.1.1.1 port 7000: .*known"):
            Listener(Settings(bind=("999.1.1.1",), port=7000))

    def test_a_port_that_is_taken(self, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(StartupError, match=f"cannot listen on 127.0.0.1 port {port}: address already in use"):
                Listener(Settings(bind=("127.0.0.1",), port=port, unixsocket=str(tmp_path / "s")))
        assert not (tmp_path / "s").exists()

    async def test_a_port_that_another_took_first(self, tmp_path):
        port = free_port()
        first = Listener(Settings(bind=("127.0.0.1",), port=port))
        second = Listener(Settings(bind=("127.0.0.2", "127.0.0.1"), port=port, unixsocket=str(tmp_path / "s")))
        first.start(Greeter, lambda: 1)
        with pytest.raises(StartupError, match=f"cannot listen on 127.0.0.1 port {port}: address already in use"):
            second.start(Greeter, lambda: 1)
        assert await open_at(port, host="127.0.0.2") == [False]
        first.close()
        second.close()
        assert not (tmp_path / "s").exists()

    def test_tls_that_cannot_be(self):
        with pytest.raises(StartupError, match="tls-port needs tls-cert-file"):
            Listener(Settings(tls_port=free_port(), port=0))

    def test_closed_before_it_started(self, tmp_path):
        port = free_port()
        Listener(Settings(bind=("127.0.0.1",), port=port, unixsocket=str(tmp_path / "s"))).close()
        socket.create_server(("127.0.0.1", port)).close()
        assert not (tmp_path / "s").exists()

    async def test_closed(self, listen, tmp_path):
        listener, settings = listen(unixsocket=str(tmp_path / "s"))
        listener.close()
        assert await open_at(settings.port) == [False]
        assert not (tmp_path / "s").exists()


class TestMove:
    async def test_to_another_port(self, listen):
        _, settings = listen()
        old, new = settings.port, free_port()
        _, staying = await asyncio.open_connection("127.0.0.1", old)
        settings.assign([("port", str(new))])
        assert await open_at(old, new) == [False, True]
        assert not staying.is_closing()
        staying.transport.abort()

    async def test_to_no_port_and_back(self, listen):
        _, settings = listen()
        old = settings.port
        settings.assign([("port", "0")])
        assert await open_at(old) == [False]
        settings.assign([("port", str(old))])
        assert await open_at(old) == [True]

    async def test_to_no_address_and_back(self, listen):
        _, settings = listen()
        settings.assign([("bind", "")])
        assert await open_at(settings.port) == [False]
        settings.assign([("bind", "127.0.0.1")])
        assert await open_at(settings.port) == [True]

    async def test_to_more_and_fewer_addresses(self, listen):
        _, settings = listen()
        port = settings.port
        settings.assign([("bind", "127.0.0.1 127.0.0.2")])
        assert (await open_at(port), await open_at(port, host="127.0.0.2")) == ([True], [True])
        settings.assign([("bind", "127.0.0.2")])
        assert (await open_at(port), await open_at(port, host="127.0.0.2")) == ([False], [True])

    async def test_to_all_addresses_and_back(self, listen):
        """The old socket is in the way of the new one."""
        _, settings = listen()
        port = settings.port
        settings.assign([("bind", "*")])
        assert (await open_at(port), await open_at(port, host="127.0.0.2")) == ([True], [True])
        settings.assign([("bind", "127.0.0.1")])
        assert (await open_at(port), await open_at(port, host="127.0.0.2")) == ([True], [False])

    async def test_between_tcp_and_tls(self, listen, authority, encryption):
        _, settings = listen(**encryption)
        port = settings.port
        settings.assign([("port", "0")])
        settings.assign([("tls-port", str(port))])
        assert await greeting(port, authority=authority) == b"hello"
        settings.assign([("port", str(port)), ("tls-port", "0")])
        assert await open_at(port) == [True]
        settings.assign([("port", "0"), ("tls-port", str(port))])
        assert await greeting(port, authority=authority) == b"hello"


class TestMoveRefused:
    @pytest.mark.parametrize("name", ["port", "tls-port"])
    async def test_a_port_that_is_taken(self, listen, encryption, caplog, name):
        _, settings = listen(**encryption)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert refusal(settings, (name, str(port))) == FAILED.format(name, NO_PORT)
        assert f"event=listen-failed reason=cannot listen on 127.0.0.1 port {port}: address already in use" in caplog.messages
        assert await open_at(settings.port) == [True]

    @pytest.mark.parametrize("addresses", ["999.999.999.999", "127.0.0.1 192.0.2.1", "127.0.0.2 192.0.2.1"])
    async def test_addresses_that_are_none(self, listen, addresses):
        _, settings = listen()
        assert refusal(settings, ("bind", addresses)) == FAILED.format("bind", NO_BIND)
        assert (await open_at(settings.port), await open_at(settings.port, host="127.0.0.2")) == ([True], [False])

    async def test_what_was_in_the_way_comes_back(self, listen):
        """The old socket is closed to make room, but there is somebody else as well."""
        _, settings = listen()
        with socket.create_server(("127.0.0.2", settings.port)):
            assert refusal(settings, ("bind", "*")) == FAILED.format("bind", NO_BIND)
        assert await open_at(settings.port) == [True]

    async def test_what_was_in_the_way_has_gone_to_another(self, listen, monkeypatch, caplog):
        _, settings = listen()
        with socket.create_server(("127.0.0.2", settings.port)):
            monkeypatch.setattr("mcserver.network.endpoint.TcpEndpoint.open", refuse_all)
            assert refusal(settings, ("bind", "*")) == FAILED.format("bind", NO_BIND)
        assert [message for message in caplog.messages if "127.0.0.1" in message]
        assert await open_at(settings.port) == [False]

    async def test_one_setting_among_several(self, listen):
        """The new port was open already when the other setting was refused."""
        _, settings = listen()
        old, new = settings.port, free_port()
        text = refusal(settings, ("port", str(new)), ("tls-port", str(free_port())))
        assert text == FAILED.format("tls-port", NO_TLS)
        assert await open_at(old, new) == [True, False]

    async def test_another_stage_refuses_after_it(self, listen):
        _, settings = listen()

        def refuse(name):
            raise SettingError("no")

        settings.govern(["timeout"], refuse)
        old, new = settings.port, free_port()
        assert refusal(settings, ("port", str(new)), ("timeout", "5")) == FAILED.format("timeout", "no")
        assert await open_at(old, new) == [True, False]
        assert refusal(settings, ("bind", "*"), ("timeout", "5")) == FAILED.format("timeout", "no")
        assert await open_at(old) == [True]
        assert await open_at(old, host="127.0.0.2") == [False]


def refuse_all(endpoint):
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


class TestRenew:
    async def serial(self, port, authority):
        context = ssl.create_default_context(cafile=authority.file)
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        number = writer.get_extra_info("peercert")["serialNumber"]
        writer.transport.abort()
        return number

    async def test_files_of_the_same_name(self, listen, authority, encryption, caplog):
        listener, settings = listen(tls_port=free_port(), **encryption)
        reader, staying = await asyncio.open_connection(
            "127.0.0.1", settings.tls_port, ssl=ssl.create_default_context(cafile=authority.file)
        )
        seen = [await self.serial(settings.tls_port, authority)]
        for renew in (listener.renew, lambda: settings.assign([("tls-key-file", settings.tls_key_file)])):
            authority.issue("server")
            assert await self.serial(settings.tls_port, authority) == seen[-1]
            renew()
            seen.append(await self.serial(settings.tls_port, authority))
        assert len(set(seen)) == 3
        assert await reader.readexactly(5) == b"hello"
        assert not staying.is_closing()
        staying.transport.abort()

    async def test_broken_files(self, listen, authority, encryption, caplog):
        listener, settings = listen(tls_port=free_port(), **encryption)
        before = await self.serial(settings.tls_port, authority)
        (authority.file.parent / "server.key").write_text("")
        listener.renew()
        assert [message for message in caplog.messages if message.startswith("event=tls-refused reason=cannot use tls-cert-file")]
        assert refusal(settings, ("tls-key-file", settings.tls_key_file)) == FAILED.format("tls-key-file", NO_TLS)
        assert await self.serial(settings.tls_port, authority) == before

    async def test_an_encrypted_key(self, listen, authority, encryption, tmp_path):
        _, settings = listen(tls_port=free_port(), **encryption)
        other = authority.issue("other", password="1234")
        pairs = [("tls-cert-file", str(other.certificate)), ("tls-key-file", str(other.key))]
        assert refusal(settings, *pairs) == FAILED.format("tls-cert-file", NO_TLS)
        settings.assign([("tls-key-file-pass", "1234"), *pairs])
        assert await greeting(settings.tls_port, authority=authority) == b"hello"

    async def test_nothing_is_looked_at_without_a_port(self, listen):
        listener, settings = listen()
        settings.assign([("tls-cert-file", "none"), ("tls-ciphers", "NONESUCH")])
        listener.renew()
        assert settings.tls_cert_file == "none"
        assert refusal(settings, ("tls-port", str(free_port()))) == FAILED.format("tls-port", NO_TLS)


class TestHandshake:
    async def test_one_that_never_ends(self, listen, authority, encryption, monkeypatch, caplog):
        monkeypatch.setattr(acceptor, "HANDSHAKE_SECONDS", 0.05)
        caplog.set_level("DEBUG", "mcserver")
        _, settings = listen(tls_port=free_port(), **encryption)
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.tls_port)
        assert await asyncio.wait_for(reader.read(), 30) == b""
        await until(lambda: any(message.startswith("event=client-lost reason=SSL handshake") for message in caplog.messages))
        writer.transport.abort()

    async def test_of_somebody_who_speaks_something_else(self, listen, encryption, caplog):
        caplog.set_level("DEBUG", "mcserver")
        _, settings = listen(tls_port=free_port(), **encryption)
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.tls_port)
        writer.write(b"*1\r\n$4\r\nPING\r\n")
        assert b"hello" not in await asyncio.wait_for(reader.read(), 30)
        await until(lambda: any(message.startswith("event=client-lost") for message in caplog.messages))
        writer.transport.abort()

    async def test_not_too_many_at_a_time(self, listen, encryption):
        """Together with the clients that are through there are three. One without a handshake is asked about when it is a client."""
        _, settings = listen(clients=1, tls_port=free_port(), maxclients=3, **encryption)
        slow = [await asyncio.open_connection("127.0.0.1", settings.tls_port) for _ in range(3)]
        assert await asyncio.wait_for(slow[2][0].read(), 30) == b""
        assert await open_at(settings.port) == [True]
        for _, writer in slow:
            writer.transport.abort()

    async def test_given_up_at_the_end(self, listen, encryption):
        listener, settings = listen(tls_port=free_port(), **encryption)
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.tls_port)
        await until(lambda: listener._reception._arriving)
        listener.close()
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.transport.abort()

    async def test_given_up_before_it_began(self, listen, encryption):
        listener, _ = listen(**encryption)
        here, there = socket.socketpair()
        with here, there:
            listener._reception.receive(here, None)
            listener.close()
            await until(lambda: not listener._reception._arriving)
            assert there.recv(1) == b""


class TestAcceptor:
    async def test_one_that_left_before_it_was_taken_in(self):
        """The next one is taken in all the same."""
        here, there = socket.socketpair()
        outcomes = [ConnectionAbortedError(errno.ECONNABORTED, "Software caused connection abort"), (here, ""), BlockingIOError()]
        assert self.taken(outcomes) == [here]
        here.close()
        there.close()

    async def test_others_get_their_turn(self, monkeypatch):
        monkeypatch.setattr(acceptor, "ACCEPTED_AT_ONCE", 3)
        assert self.taken([(number, "") for number in range(5)]) == [0, 1, 2]

    def taken(self, outcomes):
        bound, reception = Mock(), Mock()
        bound.accept.side_effect = outcomes
        acceptor.Acceptor(bound, reception, lambda: None)._accept()
        return [call.args[0] for call in reception.receive.call_args_list]


class TestExhaustion:
    async def test_it_rests_and_goes_on(self, listen, monkeypatch, caplog):
        """Without descriptors the system says again and again that somebody waits, and lets nobody in."""
        monkeypatch.setattr(acceptor, "REST_SECONDS", 0.01)
        _, settings = listen()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as client:
            client.setblocking(False)
            lowest = os.dup(client.fileno())
            os.close(lowest)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
            try:
                await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", settings.port))
                await until(lambda: any(message.startswith("event=accept-failed") for message in caplog.messages))
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 5), 30) == b"hello"

    async def test_closed_while_it_rests(self, listen, monkeypatch):
        listener, settings = listen()
        [one] = listener._acceptors.values()
        one._rest(OSError(errno.EMFILE, "Too many open files"))
        listener.close()
        assert await open_at(settings.port) == [False]
        assert one._resting.cancelled()
