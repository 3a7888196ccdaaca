"""Where the server's time goes under exact hits: py-spy where it is installed, else cProfile."""

import pstats
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from mcserver.bench.client import LoadError
from mcserver.bench.exact import QUERY, benchmark_command, prepare_server
from mcserver.bench.processes import Program
from mcserver.bench.run import MODEL, Run

SECONDS, RATE = 8, 400  # length of a py-spy recording, samples per second
TOP = 25
SERVING = r"asyncio|/mcserver/|/protocol/|socket|epoll|hiredis"  # what cProfile's table is limited to: start-up would fill it otherwise
MAIN_THREAD = "MainThread"
ENDLESS = 2_000_000_000  # requests; the load is ended when the recording is


def profile(run: Run, depth: int) -> str:
    """The functions the server spends its time in, at pipeline depth `depth`, most time of their own first."""
    program = spy()
    if program is None:
        return _with_cprofile(run, depth)
    with run.server(f"profile-{depth}") as server:
        prepare_server(server.port)
        return _with_spy(program, server, run.folder / f"profile-{depth}.stacks", depth)


def spy() -> str | None:
    """The py-spy beside this Python, or on the path."""
    beside = Path(sys.executable).parent / "py-spy"
    return str(beside) if beside.exists() else shutil.which("py-spy")


def _with_spy(program: str, server: Program, stacks: Path, depth: int) -> str:
    command = [program, "record", "--pid", str(server.pid), "--format", "raw", "--function", "--threads", "--output", str(stacks)]
    with _Pressure(server, ENDLESS, depth):
        done = subprocess.run(  # noqa: S603 - our own command line
            [*command, "--duration", str(SECONDS), "--rate", str(RATE)], capture_output=True, text=True, timeout=SECONDS * 10, check=False
        )
    if done.returncode:
        raise LoadError(f"py-spy failed (code {done.returncode}): {(done.stdout + done.stderr).strip()}")
    return f"py-spy, {SECONDS} s at {RATE}/s, -P {depth}\n{summarise(stacks.read_text(encoding='utf-8').splitlines())}"


def summarise(stacks: Iterable[str]) -> str:
    """A table from collapsed stacks (`thread;outer;inner count` a line): share of the main thread's samples in a function itself, and with
    what it calls. Exact hits are answered on the main thread alone; the others wait."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        thread, *names = frames.split(";")
        if MAIN_THREAD not in thread or not names:
            continue
        own[names[-1]] += int(count)
        for name in set(names):
            total[name] += int(count)
    samples = sum(own.values()) or 1
    lines = [f"{count / samples:7.1%} {total[name] / samples:7.1%}  {name}" for name, count in own.most_common(TOP)]
    return "\n".join(["    own   total  function", *lines])


def _with_cprofile(run: Run, depth: int) -> str:
    """Slower by the cost of the tracing itself, which falls on small functions; the order still tells."""
    stats = run.folder / f"profile-{depth}.pstats"
    server = run.server(f"profile-{depth}", launcher=("-m", "cProfile", "-o", str(stats), "-m", "mcserver"))
    with server:
        prepare_server(server.port)
        with _Pressure(server, run.plan.exact[depth], depth) as pressure:
            pressure.wait(run.plan.patience)
    table = run.folder / f"profile-{depth}.txt"
    with table.open("w", encoding="utf-8") as stream:
        pstats.Stats(str(stats), stream=stream).sort_stats("tottime").print_stats(SERVING, TOP)
    return f"cProfile, -P {depth}\n{table.read_text(encoding='utf-8')}"


class _Pressure:
    """redis-benchmark in the background, ended with the context."""

    def __init__(self, server: Program, requests: int, depth: int) -> None:
        self._command = benchmark_command(server.port, ("MC.GET", MODEL, QUERY), requests=requests, depth=depth)

    def __enter__(self) -> "subprocess.Popen[bytes]":
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
