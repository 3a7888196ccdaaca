"""Durable writes of many clients, against the bare runtime embedding the same texts."""

from contextlib import ExitStack

from mcserver.bench.client import Load, load
from mcserver.bench.processes import Program
from mcserver.bench.report import Budget, Curve, Findings, compare
from mcserver.bench.run import MODEL, Run
from mcserver.bench.runtime import RuntimeProcess
from mcserver.bench.summary import percentile_curve
from mcserver.bench.texts import Texts

SECTION = "set"
CLIENTS = 64
BUDGET = Budget(0.8)
DURABILITY = ("always", "everysec")


def measure(run: Run) -> Findings:
    """MC.SET at each durability; the same texts go to every server and to the runtime, in turns."""
    with ExitStack() as stack:
        runtime = stack.enter_context(run.runtime())
        servers = {name: stack.enter_context(run.server(f"set-{name}", "--durability", name)) for name in DURABILITY}
        return _compare(run, runtime, servers)


def _compare(run: Run, runtime: RuntimeProcess, servers: dict[str, Program]) -> Findings:
    texts = Texts(1)
    batch = runtime.best_batch(texts.fresh(min(128, run.plan.writes)))
    bare: list[float] = []
    loads: dict[str, list[Load]] = {name: [] for name in servers}
    warm = texts.fresh(CLIENTS)
    for server in servers.values():
        _set(run, server, warm)
    for number in run.rounds(f"durable MC.SET, {CLIENTS} clients"):
        asked = texts.fresh(run.plan.writes)
        turns = [*servers, "bare"]
        for name in reversed(turns) if number % 2 else turns:
            if name == "bare":
                bare.append(len(asked) / runtime.seconds(asked, batch=batch))
            else:
                loads[name].append(_set(run, servers[name], asked))
    rows = tuple(
        compare(
            SECTION,
            f"MC.SET {CLIENTS} clients, durability {name}",
            unit="/s",
            measured=[each.rate for each in rounds],
            compared=bare,
            against=f"bare runtime, batches of {batch}",
            budget=BUDGET,
        )
        for name, rounds in loads.items()
    )
    return Findings(rows, tuple(_curve(name, rounds) for name, rounds in loads.items()))


def _set(run: Run, server: Program, texts: list[str]) -> Load:
    requests = [("MC.SET", MODEL, text, f"The answer to {text}") for text in texts]
    return load(server.port, requests, clients=CLIENTS, patience=run.plan.patience)


def _curve(durability: str, loads: list[Load]) -> Curve:
    x, y = percentile_curve([seconds * 1000 for each in loads for seconds in each.latencies])
    return Curve("set-latency", f"durability {durability}", "percentile", "latency, ms", x, y, scale="log")
