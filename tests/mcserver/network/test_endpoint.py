"""Places to listen on: what is bound, what is taken over, what is refused."""

import asyncio
import errno
import os
import socket
from types import SimpleNamespace

import pytest

from mcserver.network.endpoint import TcpEndpoint, UnixEndpoint, endpoints, ends
from mcserver.settings import Settings
from tests.mcserver.parts import free_port


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="the machine has no IPv6")


class TestSettings:
    def test_every_address_on_every_port_and_the_unix_socket(self):
        settings = Settings(bind=("127.0.0.1", "-::1"), port=7000, tls_port=7001, unixsocket="/run/m.sock", unixsocketperm=0o770)
        found = endpoints(settings)
        assert found == [
            TcpEndpoint("127.0.0.1", 7000),
            TcpEndpoint("::1", 7000),
            TcpEndpoint("127.0.0.1", 7001, tls=True),
            TcpEndpoint("::1", 7001, tls=True),
            UnixEndpoint("/run/m.sock", 0o770),
        ]
        assert [getattr(endpoint, "optional", None) for endpoint in found] == [False, True, False, True, None]

    def test_none(self):
        assert endpoints(Settings(port=0)) == endpoints(Settings(bind=())) == []


class TestTcp:
    @pytest.mark.parametrize(("address", "host"), [("127.0.0.1", "127.0.0.1"), ("*", "0.0.0.0"), ("localhost", "127.0.0.1")])
    def test_bound(self, address, host):
        port = free_port()
        with TcpEndpoint(address, port).open() as bound:
            assert bound.getsockname()[1] == port
            assert bound.getsockname()[0] in {host, "::1"}

    @needs_ipv6
    @pytest.mark.parametrize(("address", "host"), [("::1", "::1"), ("::*", "::")])
    def test_ipv6_is_a_socket_of_its_own(self, address, host):
        port = free_port()
        with socket.create_server(("127.0.0.1", port)), TcpEndpoint(address, port).open() as bound:
            assert bound.getsockname()[:2] == (host, port)

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            endpoint = TcpEndpoint("127.0.0.1", taken.getsockname()[1], optional=True)
            with pytest.raises(OSError) as raised:  # noqa: PT011 - the number is looked at
                endpoint.open()
        assert raised.value.errno == errno.EADDRINUSE
        assert not endpoint.dispensable(raised.value)

    @pytest.mark.parametrize("optional", [True, False])
    def test_an_address_that_the_machine_lacks(self, optional):
        endpoint = TcpEndpoint("192.0.2.1", free_port(), optional=optional)
        with pytest.raises(OSError) as raised:  # noqa: PT011
            endpoint.open()
        assert endpoint.dispensable(raised.value) == optional


class TestUnix:
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "mcserver.sock"

    @pytest.mark.parametrize("permissions", [0o700, 0o777])
    def test_permissions(self, path, permissions):
        with UnixEndpoint(str(path), permissions).open():
            assert path.stat().st_mode & 0o777 == permissions

    def test_permissions_of_the_system(self, path):
        before = os.umask(0o027)
        try:
            with UnixEndpoint(str(path)).open():
                assert path.stat().st_mode & 0o777 == 0o750
        finally:
            os.umask(before)

    def test_removed(self, path):
        endpoint = UnixEndpoint(str(path))
        with endpoint.open():
            endpoint.remove()
            assert not path.exists()
            endpoint.remove()

    def test_what_an_ended_server_left_is_taken_over(self, path):
        UnixEndpoint(str(path)).open().close()
        assert path.exists()
        with UnixEndpoint(str(path)).open() as bound, socket.socket(socket.AF_UNIX) as client:
            bound.listen()
            client.connect(str(path))

    @pytest.mark.parametrize("backlog", [0, 5])
    def test_a_server_that_runs_is_left_alone(self, path, backlog):
        with UnixEndpoint(str(path)).open() as running, socket.socket(socket.AF_UNIX) as client:
            running.listen(backlog)
            client.connect(str(path))
            with pytest.raises(OSError, match="Address already in use"):
                UnixEndpoint(str(path)).open()
            running.accept()[0].close()

    def test_another_file_is_left_alone(self, path):
        path.write_text("mine")
        with pytest.raises(OSError, match="Address already in use"):
            UnixEndpoint(str(path)).open()
        assert path.read_text() == "mine"

    @pytest.mark.parametrize("name", ["no/such/folder", "x" * 200])
    def test_a_path_that_cannot_be(self, tmp_path, name):
        endpoint = UnixEndpoint(str(tmp_path / name))
        with pytest.raises(OSError, match=r"No such file|too long") as raised:
            endpoint.open()
        assert not endpoint.dispensable(raised.value)


class TestEnds:
    @pytest.mark.parametrize(
        ("peer", "here"),
        [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("192.168.1.7", False), ("fe80::1%eth0", False), ("2001:db8::1", False)],
    )
    def test_of_this_machine(self, peer, here):
        found = ends(transport((peer, 5000), ("127.0.0.1", 6380)))
        assert found.here == here
        assert not found.unix

    def test_shown(self):
        found = ends(transport(("::1", 5000, 0, 0), ("127.0.0.1", 6380)))
        assert (found.remote, found.local) == ("[::1]:5000", "127.0.0.1:6380")

    def test_a_client_that_is_gone_already(self):
        found = ends(transport(None, ("127.0.0.1", 6380)))
        assert (found.remote, found.here) == ("0.0.0.0:0", False)

    async def test_unix(self, tmp_path):
        path = tmp_path / "s"
        seen = asyncio.get_running_loop().create_future()

        async def take(reader, writer):
            seen.set_result(ends(writer.transport))
            writer.close()

        async with await asyncio.start_unix_server(take, path):
            _, writer = await asyncio.open_unix_connection(path)
            found = await seen
            writer.close()
        assert found == (f"{path}:0", f"{path}:0", True, True)


def transport(peer, local):
    return SimpleNamespace(get_extra_info={"peername": peer, "sockname": local}.get)
