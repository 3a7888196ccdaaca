"""TLS and the unix socket with the clients that people use."""

import os
import signal
import socket
import ssl
import subprocess
import time

import pytest
import redis

from tests.certificates import Authority
from tests.embedding.tiny_model import TinyModel


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def model(tmp_path):
    """What is asked here is answered word for word: the smallest model will do."""
    return TinyModel(tmp_path / "tiny").path


@pytest.fixture
def loop():
    return "asyncio"


@pytest.fixture
def server(loop, authority, tmp_path, model, start):
    """With a TCP port, a TLS port that asks for certificates, and a unix socket."""
    identity = authority.issue("server")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        tls_port = probe.getsockname()[1]
    options = {
        "loop": loop,
        "tls-port": tls_port,
        "tls-cert-file": identity.certificate,
        "tls-key-file": identity.key,
        "tls-ca-cert-file": authority.file,
        "unixsocket": tmp_path / "mcserver.sock",
        "unixsocketperm": 700,
    }
    server = start(*(f"--{name}={value}" for name, value in options.items()))
    server.tls_port = tls_port
    return server


def encrypted(server, authority, identity, **options):
    return redis.Redis(
        port=server.tls_port,
        ssl=True,
        ssl_ca_certs=str(authority.file),
        ssl_certfile=str(identity.certificate),
        ssl_keyfile=str(identity.key),
        socket_timeout=60,
        **options,
    )


def serial(server, authority, identity):
    """The number of the certificate that the server shows now."""
    context = ssl.create_default_context(cafile=authority.file)
    context.load_cert_chain(identity.certificate, identity.key)
    sock = socket.create_connection(("127.0.0.1", server.tls_port))
    with context.wrap_socket(sock, server_hostname="127.0.0.1") as wrapped:
        return wrapped.getpeercert()["serialNumber"]


def redis_cli(*arguments):
    command = ["redis-cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_clients_over_tls(server, authority):
    identity = authority.issue("client")
    with encrypted(server, authority, identity, protocol=3) as client:
        client.execute_command("MC.SET", "m", "ask red", "like this")
        assert client.execute_command("MC.GET", "m", "ask red") == b"like this"
        pipeline = client.pipeline(transaction=False)
        for _ in range(200):
            pipeline.execute_command("MC.GET", "m", "ask red")
        assert pipeline.execute() == [b"like this"] * 200
        large = os.urandom(8_000_000)
        client.execute_command("MC.SET", "m", "ask green", large)
        assert client.execute_command("MC.GET", "m", "ask green") == large
    files = ["--tls", "--cacert", authority.file, "--cert", identity.certificate, "--key", identity.key]
    answered = redis_cli("-p", server.tls_port, *files, "MC.GET", "m", "ask red")
    assert answered.stdout == "like this\n", answered.stderr
    refused = redis_cli("-p", server.tls_port, "--tls", "--cacert", authority.file, "PING")
    assert refused.returncode != 0
    assert "PONG" not in refused.stdout
    assert redis_cli("-p", server.tls_port, "PING").returncode != 0
    assert server.client().ping()


def test_certificates_are_renewed_while_clients_stay(server, authority):
    identity = authority.issue("client")
    staying = encrypted(server, authority, identity, single_connection_client=True)
    assert staying.ping()
    first = serial(server, authority, identity)
    renewed = authority.issue("server")
    assert serial(server, authority, identity) == first
    staying.config_set("tls-cert-file", str(renewed.certificate))
    second = serial(server, authority, identity)
    assert second != first
    authority.issue("server")
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 30
    while (third := serial(server, authority, identity)) == second:
        assert time.monotonic() < deadline
    assert third not in {first, second}
    renewed.key.write_text("")
    with pytest.raises(redis.ResponseError, match=r"Unable to update TLS configuration\. Check server logs\."):
        staying.config_set("tls-key-file", str(renewed.key))
    assert "reason=cannot use tls-cert-file" in server.log.read_text()
    assert serial(server, authority, identity) == third
    assert staying.ping()
    staying.close()


def test_unix_socket(server, tmp_path):
    path = tmp_path / "mcserver.sock"
    assert path.stat().st_mode & 0o777 == 0o700
    with redis.Redis(unix_socket_path=str(path)) as client:
        [shown] = client.client_list()
        assert (shown["addr"], shown["laddr"], shown["flags"]) == (f"{path}:0", f"{path}:0", "U")
        assert client.execute_command("MC.SET", "m", "ask red", "1")
    assert redis_cli("-s", path, "MC.GET", "m", "ask red").stdout == "1\n"
    assert server.stop() == 0
    assert not path.exists()


def test_a_unix_socket_of_a_killed_server_is_taken_over(server, tmp_path, start):
    path = tmp_path / "mcserver.sock"
    with pytest.raises(RuntimeError, match=f"cannot listen on unix socket {path}: address already in use"):
        start("--unixsocket", str(path), folder=tmp_path / "other")
    server.kill()
    assert path.exists()
    start("--unixsocket", str(path), folder=tmp_path / "another")
    assert redis_cli("-s", path, "PING").stdout == "PONG\n"
