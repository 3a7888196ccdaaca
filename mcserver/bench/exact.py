"""Exact hits under redis-benchmark, against GET of the same value on redis-server."""

import csv
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.util import find_spec
from statistics import median

from mcserver.bench.client import HOST, Client, LoadError
from mcserver.bench.processes import Program, redis_server
from mcserver.bench.report import Budget, Findings, Row, compare
from mcserver.bench.run import MODEL, Run
from mcserver.bench.summary import figure

SECTION = "exact"
CLIENTS = 50
BUDGETS = {1: Budget(0.8), 16: Budget(0.4)}
QUERY = "How do I reset my password when I can no longer read my old email?"
ANSWER = (
    "Open the sign-in page, choose “Forgot password” and then “I no longer have this email”. You are asked for your phone number and "
    "the last four digits of a card you paid with; a code is sent to that phone. Enter it within ten minutes and choose a new password "
    "of at least twelve characters. All other devices are signed out. If no code arrives, write to support with your order number."
)


@dataclass(frozen=True, slots=True)
class Pressure:
    """What redis-benchmark saw: requests per second, latency in milliseconds; and the server's processor time, microseconds a request.

    Processor time says most on a machine that others use as well; 0 where it cannot be read.
    """

    rate: float
    median: float
    p99: float
    processor: float = 0.0


def measure(run: Run) -> Findings:
    """MC.GET of one stored question at each pipeline depth, with every event loop that is installed."""
    redis = redis_server(run.folder / "redis")
    if redis is None:
        return Findings(skipped=("exact: redis-server and redis-benchmark are not installed (Debian: redis-server, redis-tools)",))
    with ExitStack() as stack:
        stack.enter_context(redis)
        prepare_redis(redis.port)
        servers = {loop: stack.enter_context(run.server(f"exact-{loop}", "--loop", loop)) for loop in loops()}
        for server in servers.values():
            prepare_server(server.port)
        rows = [row for depth in run.plan.exact for row in _depth(run, depth, redis, servers)]
        for server in servers.values():
            verify(server.port)
    return Findings(tuple(rows))


def loops() -> tuple[str, ...]:
    """The event loops that can be measured here."""
    return ("asyncio", "uvloop") if find_spec("uvloop") else ("asyncio",)


def _depth(run: Run, depth: int, redis: Program, servers: dict[str, Program]) -> list[Row]:
    requests = run.plan.exact[depth]
    get, mc_get = ("GET", QUERY), ("MC.GET", MODEL, QUERY)
    theirs: list[Pressure] = []
    ours: dict[str, list[Pressure]] = {loop: [] for loop in servers}
    for number in run.rounds(f"exact hits, -P {depth}"):
        turns = [("redis", redis, get), *((loop, server, mc_get) for loop, server in servers.items())]
        for name, program, command in reversed(turns) if number % 2 else turns:
            pressure = _timed(program, command, requests=requests, depth=depth, timeout=run.plan.patience)
            (theirs if name == "redis" else ours[name]).append(pressure)
    return [_row(loop, depth, pressures, theirs) for loop, pressures in ours.items()]


def _timed(program: Program, command: Sequence[str], *, requests: int, depth: int, timeout: float) -> Pressure:
    before = program.processor
    pressure = press(program.port, command, requests=requests, depth=depth, timeout=timeout)
    after = program.processor
    return replace(pressure, processor=(after - before) / requests * 1e6)


def _row(loop: str, depth: int, ours: Sequence[Pressure], theirs: Sequence[Pressure]) -> Row:
    p99 = "p99 {} ms against {}".format(*(figure(median(pressure.p99 for pressure in side)) for side in (ours, theirs)))
    processor = "processor {} us a request against {}".format(*(figure(median(each.processor for each in side)) for side in (ours, theirs)))
    return compare(
        SECTION,
        f"MC.GET -c {CLIENTS} -P {depth}, {loop}",
        unit="/s",
        measured=[pressure.rate for pressure in ours],
        compared=[pressure.rate for pressure in theirs],
        against="redis-server GET",
        budget=BUDGETS.get(depth),
        note=f"{processor}; {p99}",
    )


def prepare_redis(port: int) -> None:
    """Store the answer under the question itself."""
    with Client(port) as client:
        client.call("SET", QUERY, ANSWER)


def prepare_server(port: int) -> None:
    """Store the answer, and see that the exact tier gives it."""
    with Client(port) as client:
        client.call("MC.SET", MODEL, QUERY, ANSWER)
    verify(port)


def verify(port: int) -> None:
    """See that the question is answered, and right: redis-benchmark counts a nil as a reply like any other. Raises LoadError."""
    with Client(port) as client:
        answer = client.call("MC.GET", MODEL, QUERY)
    if answer != ANSWER.encode():
        raise LoadError(f"MC.GET answered {answer!r} where the stored answer was expected: the benchmark would time the wrong thing")


def press(port: int, command: Sequence[str], *, requests: int, depth: int, timeout: float) -> Pressure:
    """Run redis-benchmark with one command. Raises LoadError when it fails, names an error reply or takes longer than `timeout` seconds."""
    arguments = benchmark_command(port, command, requests=requests, depth=depth)
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=timeout, check=False)  # noqa: S603 - our own command line
    except subprocess.TimeoutExpired:
        raise LoadError(f"redis-benchmark did not end within {timeout:g} s: {' '.join(arguments)}") from None
    output = f"{done.stdout}\n{done.stderr}"
    if done.returncode or "Error from server" in output:
        raise LoadError(f"redis-benchmark failed (code {done.returncode}): {output.strip()}")
    return read_csv(done.stdout)


def benchmark_command(port: int, command: Sequence[str], *, requests: int, depth: int) -> list[str]:
    """The command line of redis-benchmark; -e makes it name error replies."""
    program = shutil.which("redis-benchmark") or "redis-benchmark"
    options = ["-h", HOST, "-p", str(port), "-c", str(CLIENTS), "-n", str(requests), "-P", str(depth), "-e", "--csv"]
    return [program, *options, *command]


def read_csv(output: str) -> Pressure:
    """The one result of redis-benchmark --csv. Raises LoadError where there is none."""
    lines = output.splitlines()
    first = next((number for number, line in enumerate(lines) if line.startswith('"test"')), len(lines))
    row = next(csv.DictReader(lines[first:]), None)
    if row is None:
        raise LoadError(f"redis-benchmark gave no result: {output.strip()!r}")
    return Pressure(float(row["rps"]), float(row["p50_latency_ms"]), float(row["p99_latency_ms"]))
