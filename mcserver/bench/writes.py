"""Durable writes of many clients, against the bare runtime embedding the same texts."""

from contextlib import ExitStack

from mcserver.bench.client import load
from mcserver.bench.cost import Cost, processor_note
from mcserver.bench.processes import Program
from mcserver.bench.report import Budget, Curve, Findings, Row, compare
from mcserver.bench.run import MODEL, Run
from mcserver.bench.runtime import RuntimeProcess, beside
from mcserver.bench.summary import percentile_curve
from mcserver.bench.texts import Texts

SECTION = "set"
CLIENTS = 64
BUDGET = Budget(0.8)
DURABILITY = ("always", "everysec")


def measure(run: Run) -> Findings:
    """MC.SET at each durability; the same texts go to every server and to the runtime, in turns."""
    texts = Texts(1)
    with ExitStack() as stack:
        runtime = stack.enter_context(run.runtime())
        servers = {name: stack.enter_context(run.server(f"set-{name}", "--durability", name)) for name in DURABILITY}
        batches = runtime.best_batches(texts.fresh(run.plan.calibration))
        costs = _rounds(run, texts, servers, runtime, batches)
    bare = costs.pop("bare")
    rows = tuple(_row(name, each, bare, batches) for name, each in costs.items())
    return Findings(rows, tuple(_curve(name, each) for name, each in costs.items()))


def _rounds(
    run: Run, texts: Texts, servers: dict[str, Program], runtime: RuntimeProcess, batches: tuple[int, ...]
) -> dict[str, list[Cost]]:
    """The costs of every round, by durability and for `bare`."""
    warm = texts.fresh(CLIENTS)
    for server in servers.values():
        _set(run, server, warm)
    costs: dict[str, list[Cost]] = {name: [] for name in (*servers, "bare")}
    for number in run.rounds(f"durable MC.SET, {CLIENTS} clients"):
        asked = texts.fresh(run.plan.writes)
        for name in reversed(costs) if number % 2 else costs:
            costs[name].append(runtime.fastest(asked, batches) if name == "bare" else _set(run, servers[name], asked))
    return costs


def _set(run: Run, server: Program, texts: list[str]) -> Cost:
    requests = [("MC.SET", MODEL, text, f"The answer to {text}") for text in texts]
    used = server.processor
    return load(server.port, requests, clients=CLIENTS, patience=run.plan.patience).cost(server.processor - used)


def _row(durability: str, costs: list[Cost], bare: list[Cost], batches: tuple[int, ...]) -> Row:
    return compare(
        SECTION,
        f"MC.SET {CLIENTS} clients, durability {durability}",
        unit="/s",
        measured=[cost.rate for cost in costs],
        compared=[cost.rate for cost in bare],
        against=beside(batches),
        budget=BUDGET,
        note=processor_note(costs, bare),
    )


def _curve(durability: str, costs: list[Cost]) -> Curve:
    x, y = percentile_curve([seconds * 1000 for cost in costs for seconds in cost.each])
    return Curve("set-latency", f"durability {durability}", "percentile", "latency, ms", x, y, scale="log")
