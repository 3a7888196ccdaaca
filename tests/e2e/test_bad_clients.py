"""A well-behaved client gets all its replies, and in time, beside clients that are not. The figures go to .cache/bad-clients.json."""

import json
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, RunningServer
from tests.e2e.programs import line_with, running

SECONDS = 2.0
"""For which a client is measured."""

IDLE = 10_000
MB = 1024 * 1024
ANSWER = b"a" * 100_000

MOST_TIMES_SLOWER = 20
"""Of the median beside bad clients, to that of the same client alone: machines that run tests do other things, too."""
FLOOR_SECONDS = 0.002
"""What a median may be whatever it is alone: on two processors that three processes want, less says nothing."""

BAD = {
    "deaf": (20, 300 * MB),
    "dripping": (500, 50 * MB),
    "idle": (IDLE, 400 * MB),
    "large_bulk": (1, 1300 * MB),
    "endless_line": (1, 100 * MB),
}
"""Kinds of tests.e2e.bad_clients: how many connections of each, and by how much the server may grow."""


class Good:
    """A client that asks one thing, waits for the answer, and asks again."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def measure(self) -> list[float]:
        """Seconds to the reply of each request, shortest first."""
        end = time.perf_counter() + SECONDS
        times = [self._ask()]
        while time.perf_counter() < end:
            times.append(self._ask())
        return sorted(times)

    def _ask(self) -> float:
        begun = time.perf_counter()
        self._socket.sendall(b"*3\r\n$6\r\nMC.GET\r\n$5\r\nsmall\r\n$8\r\nquestion\r\n")
        reply = self._socket.recv(4096)
        while not reply.endswith(b"\r\n") or reply.count(b"\r\n") < 2:
            reply += self._socket.recv(4096)
        assert reply == b"$6\r\nanswer\r\n"
        return time.perf_counter() - begun

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def figures() -> Iterator[dict[str, dict[str, float]]]:
    """What was measured, by kind; written where it is not lost."""
    found: dict[str, dict[str, float]] = {}
    yield found
    path = ROOT / ".cache" / "bad-clients.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")


@pytest.fixture
def crowded(start: Callable[..., RunningServer]) -> RunningServer:
    """A server that has room for all of them, and something to answer."""
    server = start("--maxclients", str(IDLE + 100), measured=False)
    client = server.client()
    client.execute_command("MC.SET", "small", "question", "answer")
    client.execute_command("MC.SET", "large", "question", ANSWER)
    client.close()
    return server


@contextmanager
def bad_clients(kind: str, port: int, number: int) -> Iterator["subprocess.Popen[str]"]:
    """So many of them, in a process of their own, from when they have begun."""
    with running(sys.executable, "-m", "tests.e2e.bad_clients", kind, port, number, cwd=ROOT) as process:
        line_with(process, "ready")
        yield process
        assert process.poll() is None, process.stdout.read()


def memory(server: RunningServer, name: str = "VmRSS") -> int:
    """Bytes of the server's memory, now or at most so far (VmHWM)."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


@pytest.mark.parametrize("kind", BAD)
def test_a_good_client_is_served_beside_bad_ones(kind: str, crowded: RunningServer, figures: dict[str, dict[str, float]]):
    number, growth = BAD[kind]
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if 0 <= files < number + 200:
        pytest.skip(f"the system lets a process have {files} connections, {number} are needed")
    good, before = Good(crowded.port), memory(crowded)
    alone = good.measure()
    with bad_clients(kind, crowded.port, number) as process:
        beside = good.measure()
        if kind == "large_bulk":
            assert "answer is too long" in line_with(process, "reply")
        grown = memory(crowded, "VmHWM") - before
    figures[kind] = {
        "connections": number,
        **{
            f"{name}_{when}_us": _microseconds(times, share)
            for when, times in (("alone", alone), ("beside", beside))
            for name, share in SHARES.items()
        },
        "grown_mb": round(grown / MB, 1),
    }
    good.close()
    assert statistics.median(beside) < max(MOST_TIMES_SLOWER * statistics.median(alone), FLOOR_SECONDS), figures[kind]
    assert grown < growth, figures[kind]


SHARES = {"median": 0.5, "p99": 0.99, "most": 1.0}


def _microseconds(times: list[float], share: float) -> int:
    return round(times[min(len(times) - 1, int(len(times) * share))] * 1e6)
