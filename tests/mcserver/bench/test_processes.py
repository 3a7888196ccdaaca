"""Processes the benchmark starts: they answer before they are used, and none outlives the run."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcserver.bench.client import Client, LoadError
from mcserver.bench.exact import Pressure, benchmark_command, prepare_redis, press, read_csv, verify
from mcserver.bench.processes import Program, ProgramError, cache_server, free_port, module, redis_server

FAKE = """
import signal, socketserver, sys
import hiredis

class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        reader = hiredis.Reader()
        while data := self.request.recv(65536):
            reader.feed(data)
            for request in iter(reader.gets, False):
                self.request.sendall({b"PING": b"+PONG\\r\\n", b"MC.GET": b"$-1\\r\\n"}.get(request[0], b"-ERR no\\r\\n"))

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

if "--deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("listening", flush=True)
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

needs_redis = pytest.mark.skipif(not shutil.which("redis-benchmark"), reason="redis-server and redis-benchmark are not installed")


def program(folder: Path, *options: str, source: str = FAKE, patience: float = 60.0) -> Program:
    port = free_port()
    return Program([sys.executable, "-c", source, str(port), *options], port, folder / "log", patience)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_program_answers_inside_its_context_and_is_gone_after_it(tmp_path: Path) -> None:
    with program(tmp_path) as server:
        pid = server.pid
        assert server.start_seconds > 0
        with Client(server.port) as client:
            assert client.call("PING") == b"PONG"
    assert not alive(pid)
    with pytest.raises(ProgramError, match="is not running"):
        _ = server.pid


def test_a_program_is_gone_after_an_error(tmp_path: Path) -> None:
    server = program(tmp_path)
    pids = []

    def work() -> None:
        with server:
            pids.append(server.pid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not alive(pids[0])


def test_a_program_can_be_killed_and_started_again(tmp_path: Path) -> None:
    with program(tmp_path) as server:
        first = server.pid
        server.stop(kill=True)
        assert not alive(first)
        server.start()
        assert server.pid != first
        assert (tmp_path / "log").read_text().count("listening") == 2
    server.stop()  # a second time is no error


def test_a_program_that_does_not_end_is_killed(tmp_path: Path) -> None:
    server = program(tmp_path, "--deaf")
    server.start()
    pid = server.pid
    with pytest.raises(subprocess.TimeoutExpired):
        server.stop(patience=0.05)
    assert not alive(pid)


def test_a_program_that_ends_at_once_is_told_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="ended before it answered PING; its output ended with:\nport taken"):
        program(tmp_path, source="import sys; sys.exit('port taken')").start()


def test_a_program_that_never_answers_is_stopped(tmp_path: Path) -> None:
    server = program(tmp_path, source="import signal; signal.pause()", patience=0.05)
    with pytest.raises(ProgramError, match=r"did not answer PING within 0\.05 s; its output ended with:\n\(nothing\)"):
        server.start()
    with pytest.raises(ProgramError, match="is not running"):
        _ = server.pid


@pytest.mark.skipif(sys.platform != "linux", reason="processor time is read from /proc, which only Linux has")
def test_a_program_is_awaited_until_it_is_idle(tmp_path: Path) -> None:
    with program(tmp_path) as server:
        server.await_idle(patience=60)
    busy = "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()\n"
    with program(tmp_path, source=busy + FAKE) as server, pytest.raises(ProgramError, match=r"was still busy after 0\.01 s"):
        server.await_idle(patience=0.01)


def test_cache_server_gets_port_folder_and_options(tmp_path: Path) -> None:
    server = cache_server(tmp_path / "a", ["--loop", "uvloop"])
    assert server.arguments[1:] == [
        "-P",
        "-m",
        "mcserver",
        "--port",
        str(server.port),
        "--dir",
        str(tmp_path / "a" / "data"),
        "--loop",
        "uvloop",
    ]


def test_settings_of_the_environment_do_not_reach_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCSERVER_LOOP", "uvloop")
    source = "import os, sys; sys.exit('settings: ' + str([name for name in os.environ if name.startswith('MCSERVER')]))"
    with pytest.raises(ProgramError, match=r"settings: \[\]"):
        program(tmp_path, source=source).start()


def test_without_redis_there_is_no_redis_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server(tmp_path) is None


def test_wrong_answers_are_noticed_before_and_after_timing(tmp_path: Path) -> None:
    with program(tmp_path) as server, pytest.raises(LoadError, match="answered None where the stored answer was expected"):
        verify(server.port)


@needs_redis
def test_redis_benchmark_is_run_and_read(tmp_path: Path) -> None:
    redis = redis_server(tmp_path)
    assert redis is not None
    with redis:
        prepare_redis(redis.port)
        pressure = press(redis.port, ("GET", "key"), requests=500, depth=4, timeout=60)
        with pytest.raises(LoadError, match="redis-benchmark failed"):
            press(redis.port, ("NOSUCH", "key"), requests=200, depth=1, timeout=60)
        with pytest.raises(LoadError, match=r"did not end within 0\.1 s"):
            press(redis.port, ("GET", "key"), requests=2_000_000_000, depth=1, timeout=0.1)
    assert pressure.rate > 0
    assert 0 < pressure.median <= pressure.p99


def test_redis_benchmark_command() -> None:
    command = benchmark_command(7000, ("MC.GET", "m", "a question"), requests=10, depth=16)
    assert command[1:] == ["-h", "127.0.0.1", "-p", "7000", "-c", "50", "-n", "10", "-P", "16", "-e", "--csv", "MC.GET", "m", "a question"]


def test_csv_of_redis_benchmark() -> None:
    head = '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"'
    line = '"GET, of a key","61728.39","0.418","0.160","0.399","0.615","0.839","2.015"'
    assert read_csv(f"WARNING: no config\n{head}\n{line}\n") == Pressure(61728.39, 0.399, 0.839)
    with pytest.raises(LoadError, match="gave no result: 'nothing'"):
        read_csv("nothing\n")


def test_module_command_runs_without_the_current_folder_on_the_path() -> None:
    assert module("mcserver.bench.runtime", "--threads", "2") == [sys.executable, "-P", "-m", "mcserver.bench.runtime", "--threads", "2"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_a_run_ends_its_children(tmp_path: Path, number: signal.Signals) -> None:
    """A run in a process of its own, which tells its child's process id and is then interrupted."""
    source = (
        "import signal, sys\n"
        "from mcserver.bench.__main__ import interruptible\n"
        "from mcserver.bench.processes import Program\n"
        "from pathlib import Path\n"
        "port, folder = int(sys.argv[1]), Path(sys.argv[2])\n"
        "def work():\n"
        "    with Program([sys.executable, '-c', sys.argv[3], str(port)], port, folder / 'log') as server:\n"
        "        print(server.pid, flush=True)\n"
        "        signal.pause()\n"
        "sys.exit(interruptible(work))\n"
    )
    root = str(Path(__file__).resolve().parents[3])
    command = [sys.executable, "-P", "-c", source, str(free_port()), str(tmp_path), FAKE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": root}) as run:
        assert run.stdout is not None
        child = int(run.stdout.readline())
        assert alive(child)
        run.send_signal(number)
        assert run.wait(60) == 130
    assert not alive(child)
