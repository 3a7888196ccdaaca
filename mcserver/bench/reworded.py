"""Reworded questions, which no cache tier can answer, against the bare runtime embedding the same texts."""

from collections.abc import Sequence
from statistics import median

from mcserver.bench.client import Load, load
from mcserver.bench.report import Budget, Curve, Findings, Row, compare
from mcserver.bench.run import MODEL, Run
from mcserver.bench.runtime import RuntimeProcess
from mcserver.bench.summary import percentile_curve
from mcserver.bench.texts import Texts

SECTION = "reworded"
THROUGHPUT = {64: Budget(0.9)}
LATENCY = Budget(1.25, ceiling=True)


def measure(run: Run) -> Findings:
    """MC.GET at each number of clients; every text is asked once in the whole run."""
    texts = Texts(run.plan.stored)
    with run.runtime() as runtime, run.server("reworded") as server:
        run.step("reworded: storing the questions")
        store(server.port, texts, patience=run.plan.patience)
        run.step("reworded: finding the bare runtime's best batch")
        batch = runtime.best_batch(texts.reworded(min(128, run.plan.stored)))
        findings = [_clients(run, clients, texts, runtime=runtime, port=server.port, batch=batch) for clients in run.plan.reworded]
    return Findings(tuple(row for row, _ in findings), tuple(curve for _, curves in findings for curve in curves))


def store(port: int, texts: Texts, *, patience: float) -> None:
    """Store every question of `texts` with its answer, embedded by the server."""
    load(port, [("MC.SET", MODEL, question.stored, question.answer) for question in texts.stored], clients=64, patience=patience)


def _clients(run: Run, clients: int, texts: Texts, *, runtime: RuntimeProcess, port: int, batch: int) -> tuple[Row, list[Curve]]:
    loads: list[Load] = []
    bare: list[list[float]] = []
    for number in run.rounds(f"reworded, {clients} clients"):
        asked = texts.reworded(run.plan.reworded[clients])
        # The two take turns in going first, so that a machine that slows down or recovers favours neither.
        if number % 2:
            loads.append(_ask(run, port, asked, clients))
            bare.append(_bare(runtime, asked, clients, batch))
        else:
            bare.append(_bare(runtime, asked, clients, batch))
            loads.append(_ask(run, port, asked, clients))
    return _row(clients, loads, bare, batch), _curves(clients, loads, bare)


def _ask(run: Run, port: int, asked: Sequence[str], clients: int) -> Load:
    return load(port, [("MC.GET", MODEL, text) for text in asked], clients=clients, patience=run.plan.patience)


def _bare(runtime: RuntimeProcess, asked: Sequence[str], clients: int, batch: int) -> list[float]:
    """Seconds per text: each one's own for a single client, the same mean for all where they go in batches."""
    if clients == 1:
        return runtime.latencies(asked)
    return [runtime.seconds(asked, batch=batch) / len(asked)] * len(asked)


def _row(clients: int, loads: Sequence[Load], bare: Sequence[Sequence[float]], batch: int) -> Row:
    replies = [reply for each in loads for reply in each.replies]
    hits = f"{sum(reply is not None for reply in replies) / len(replies):.0%} of the lookups hit"
    if clients == 1:
        return compare(
            SECTION,
            "MC.GET 1 client, median latency",
            unit="ms",
            measured=[median(each.latencies) * 1000 for each in loads],
            compared=[median(each) * 1000 for each in bare],
            against="one bare forward pass",
            budget=LATENCY,
            note=hits,
        )
    return compare(
        SECTION,
        f"MC.GET {clients} clients",
        unit="/s",
        measured=[each.rate for each in loads],
        compared=[1 / each[0] for each in bare],
        against=f"bare runtime, batches of {batch}",
        budget=THROUGHPUT.get(clients),
        note=hits,
    )


def _curves(clients: int, loads: Sequence[Load], bare: Sequence[Sequence[float]]) -> list[Curve]:
    lines = {f"MC.GET, {clients} client{'s' * (clients > 1)}": [seconds for each in loads for seconds in each.latencies]}
    if clients == 1:
        lines["bare forward pass"] = [seconds for each in bare for seconds in each]
    return [_curve(label, seconds) for label, seconds in lines.items()]


def _curve(label: str, seconds: Sequence[float]) -> Curve:
    x, y = percentile_curve([each * 1000 for each in seconds])
    return Curve("reworded-latency", label, "percentile", "latency, ms", x, y, scale="log")
