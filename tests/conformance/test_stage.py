"""The folder that the harness works in, and the redis-server in it."""

import signal
import socket
import subprocess

import pytest
import redis

from tests.conformance.run import run_unit
from tests.conformance.skips import Kind, Skip
from tests.conformance.stage import RESUME, Stage
from tests.conformance.units import Mode, Unit
from tests.embedding.tiny_model import TinyModel


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    for name in ("tests/support", "tests/unit", "tests/tmp", "tests/tls", "utils"):
        (folder / name).mkdir(parents=True)
    for name in ("tests/test_helper.tcl", "tests/support/test.tcl", "tests/support/util.tcl", "tests/tls/ca.crt"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def model(tmp_path):
    return TinyModel(tmp_path / "model").path


@pytest.fixture
def stage(source, model, tmp_path):
    return Stage(tmp_path / "stage", source, model=model)


def test_links_to_the_source(stage, source):
    tests = stage.path / "tests"
    assert (tests / "test_helper.tcl").resolve() == source / "tests" / "test_helper.tcl"
    assert (tests / "support" / "test.tcl").resolve() == source / "tests" / "support" / "test.tcl"
    assert (tests / "support" / "util.tcl").read_text() == f"source {{{source}/tests/support/util.tcl}}\nsource {{{RESUME}}}\n"
    assert list((tests / "tmp").iterdir()) == []
    assert not (tests / "tls").exists()
    assert {path.name for path in (stage.path / "src").iterdir()} == {"redis-server", "redis-cli", "redis-benchmark"}


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def start(stage, text):
    conf = stage.path / "redis.conf"
    conf.write_text(f"bind 127.0.0.1\ndir {stage.path}\n{text}\n")
    return subprocess.Popen([stage.server, conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_says_when_it_is_ready(stage, port):
    with start(stage, f"port {port}\nmaxclients 77") as process:
        lines = iter(process.stdout.readline, "")
        said = [next(line for line in lines if text in line) for text in (f" PID: {process.pid}", "Server initialized", "Ready to accept")]
        assert len(said) == 3
        with redis.Redis(port=port) as client:
            assert client.config_get("maxclients") == {"maxclients": "77"}
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 0


def test_says_that_the_port_is_taken(stage, port):
    with socket.create_server(("127.0.0.1", port)), start(stage, f"port {port}") as process:
        output, _ = process.communicate()
    assert "Failed listening on port" in output
    assert process.returncode == 1


@pytest.mark.parametrize(("line", "message"), [("taste sweet", "directive taste of"), ("maxclients many", "maxclients got 'many'")])
def test_does_not_keep_the_harness_waiting(stage, line, message):
    with start(stage, line) as process:
        output, _ = process.communicate()
    assert message in output
    assert f" PID: {process.pid}" in output
    assert process.returncode == 1


class TestRun:
    """One unit, with a program in the place of Tcl."""

    @pytest.fixture
    def run(self, source, model, tmp_path, monkeypatch):
        programs = tmp_path / "programs"
        programs.mkdir()

        def run(text, mode=Mode.LOCAL):
            (programs / "tclsh").write_text(f"#!/bin/sh\n{text}\n")
            (programs / "tclsh").chmod(0o755)
            monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
            skips = [Skip("SET", "data"), Skip("WAIT", "replication", Kind.RUN)]
            folder = tmp_path / "run"
            return run_unit(Unit("unit/quit"), mode, skips=skips, source=source, model=model, folder=folder, ports=21111), folder

        return run

    def test_only_what_is_to_be_left_out_is_given_to_the_harness(self, run):
        outcome, folder = run("sed 's/.*/[skip]: &/' skip; echo '[err]: WAIT in tests/unit/quit.tcl'; echo '[ok]: QUIT (1 ms)'")
        assert (outcome.passed, outcome.failed, outcome.skipped) == (1, [], {"data": 1, "replication": 1})
        assert not folder.exists()

    def test_a_failure_keeps_the_folder(self, run):
        outcome, folder = run("echo '[err]: PING in tests/unit/quit.tcl'; echo came nothing")
        assert [(event.test, event.detail) for event in outcome.failed] == [("PING", "came nothing")]
        assert "came nothing" in (folder / "output").read_text()

    def test_external(self, run):
        """The port that the harness is told is that of a server which answers."""
        ping = 'exec 3<>/dev/tcp/127.0.0.1/$last; printf "PING\\r\\n" >&3; read -r reply <&3; echo "[ok]: $reply (1 ms)"'
        outcome, _ = run(f"exec bash -c 'for last; do :; done; {ping}' bash \"$@\"", Mode.EXTERNAL)
        assert [(event.result, event.test) for event in outcome.events][:1] == [("ok", "+PONG")]
