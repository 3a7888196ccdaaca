"""Settings that are changed while a server runs, and kept for the next one."""

import socket
import subprocess

import pytest
import redis

from mcserver.settings import load_settings
from tests.embedding.tiny_model import TinyModel


@pytest.fixture
def model(tmp_path):
    return TinyModel(tmp_path / "tiny").path


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_another_port_while_it_runs(start):
    server = start("--bind", "127.0.0.1")
    old, new = server.port, free_port()
    with server.client(single_connection_client=True) as staying, socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(
            redis.ResponseError, match=r"related to argument 'port'\) - Unable to listen on this port\. Check server logs\."
        ):
            staying.config_set("port", taken.getsockname()[1])
        assert server.client().ping()
        assert staying.config_set("port", new)
        server.port = new
        assert server.client().ping()
        assert staying.info("server")["tcp_port"] == new
        with pytest.raises(redis.ConnectionError):
            redis.Redis(port=old).ping()
        assert staying.execute_command("CONFIG SET", "port", old, "bind", "*")
        server.port = old
        assert redis.Redis(host="127.0.0.2", port=old).ping()


def test_kept(start, tmp_path):
    path = tmp_path / "conf" / "mcserver.toml"
    path.parent.mkdir()
    path.write_text("# Ours.\ntimeout = 5 # seconds\n")
    server = start("--conf", str(path.parent), "--rename-command", "CONFIG CFG, FLUSHALL")
    printed = subprocess.run(
        ["redis-cli", "-p", str(server.port), "CFG", "SET", "timeout", "6", "maxclients", "77"], capture_output=True, check=True
    )
    assert printed.stdout == b"OK\n"
    with server.client() as client:
        for name in ("CONFIG", "FLUSHALL"):
            with pytest.raises(redis.ResponseError, match="unknown command"):
                client.execute_command(name, "GET", "timeout")
        assert client.execute_command("CFG", "REWRITE") == b"OK"
        assert client.info("server")["config_file"] == str(path)
    assert path.read_text().startswith("# Ours.\ntimeout = 6 # seconds\n")
    kept = load_settings(["--conf", str(path.parent)], {})
    assert (kept.timeout, kept.maxclients, kept.port, kept.dir) == (6, 77, server.port, tmp_path / "data")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rename-command", "NONESUCH X"], "rename-command NONESUCH: No such command in rename-command"),
        (["--tls-port", "1"], "tls-port needs tls-cert-file"),
        (["--bind", "999.1.1.1"], "cannot listen on 999.1.1.1 port"),
    ],
)
def test_refused_at_the_start(start, arguments, said):
    with pytest.raises(RuntimeError, match=f"mcserver: {said}"):
        start(*arguments)
