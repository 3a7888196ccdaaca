"""Reworded questions, which no cache tier can answer, against the bare runtime embedding the same texts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from mcserver.bench.client import load
from mcserver.bench.cost import Cost, processor_note
from mcserver.bench.processes import Program
from mcserver.bench.report import Budget, Curve, Findings, Row, compare
from mcserver.bench.run import MODEL, Run
from mcserver.bench.runtime import RuntimeProcess, beside
from mcserver.bench.summary import percentile_curve
from mcserver.bench.texts import Texts

SECTION = "reworded"
THROUGHPUT = {64: Budget(0.9)}
LATENCY = Budget(1.25, ceiling=True)
BLOCK = 10  # texts of a single client between two changes of side, so that both meet the same moments of a busy machine


@dataclass(frozen=True, slots=True)
class Round:
    """The same texts on both sides; how many the server answered, and with their own answer."""

    server: Cost
    bare: Cost
    hits: int
    right: int

    @classmethod
    def joined(cls, parts: Sequence["Round"]) -> "Round":
        """Several parts as one round."""
        server, bare = Cost.joined([part.server for part in parts]), Cost.joined([part.bare for part in parts])
        return cls(server, bare, sum(part.hits for part in parts), sum(part.right for part in parts))


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared: a server that holds the stored texts, and the runtime with the batch sizes that suit it best."""

    run: Run
    texts: Texts
    server: Program
    runtime: RuntimeProcess
    batches: tuple[int, ...]

    def single(self, asked: Sequence[str]) -> Round:
        """One client, against one forward pass for each text."""
        blocks = [asked[first : first + BLOCK] for first in range(0, len(asked), BLOCK)]
        return Round.joined([self.many(block, 1, bare_first=number % 2 == 0) for number, block in enumerate(blocks)])

    def many(self, asked: Sequence[str], clients: int, *, bare_first: bool) -> Round:
        """Clients side by side, against the runtime's best batches."""
        early = self._bare(asked, clients) if bare_first else None
        requests = [("MC.GET", MODEL, text) for text in asked]
        used = self.server.processor
        ours = load(self.server.port, requests, clients=clients, patience=self.run.plan.patience)
        cost = ours.cost(self.server.processor - used)
        hits = sum(reply is not None for reply in ours.replies)
        right = sum(reply == self.texts.answers[text].encode() for text, reply in zip(asked, ours.replies, strict=True))
        return Round(cost, early or self._bare(asked, clients), hits, right)

    def _bare(self, asked: Sequence[str], clients: int) -> Cost:
        return self.runtime.one_by_one(asked) if clients == 1 else self.runtime.fastest(asked, self.batches)


def measure(run: Run) -> Findings:
    """MC.GET at each number of clients; every text is asked once in the whole run."""
    texts = Texts(run.plan.stored)
    with run.runtime() as runtime, run.server("reworded") as server:
        run.step("reworded: storing the questions")
        store(server.port, texts, patience=run.plan.patience)
        run.step("reworded: finding the bare runtime's best batches")
        batches = runtime.best_batches(texts.reworded(run.plan.calibration))
        sides = Sides(run, texts, server, runtime, batches)
        rounds = {clients: list(_rounds(sides, clients)) for clients in run.plan.reworded}
    rows = tuple(_row(clients, each, batches) for clients, each in rounds.items())
    return Findings(rows, tuple(curve for clients, each in rounds.items() for curve in _curves(clients, each)))


def store(port: int, texts: Texts, *, patience: float) -> None:
    """Store every question of `texts` with its answer, embedded by the server."""
    load(port, [("MC.SET", MODEL, question.stored, question.answer) for question in texts.stored], clients=64, patience=patience)


def _rounds(sides: Sides, clients: int) -> Iterator[Round]:
    for number in sides.run.rounds(f"reworded, {clients} clients"):
        asked = sides.texts.reworded(sides.run.plan.reworded[clients])
        yield sides.single(asked) if clients == 1 else sides.many(asked, clients, bare_first=number % 2 == 0)


def _row(clients: int, rounds: Sequence[Round], batches: Sequence[int]) -> Row:
    ours, bare = [each.server for each in rounds], [each.bare for each in rounds]
    asked = sum(cost.texts for cost in ours)
    hits, right = sum(each.hits for each in rounds) / asked, sum(each.right for each in rounds) / asked
    note = f"{hits:.0%} answered, {right:.0%} with their own answer; {processor_note(ours, bare)}"
    if clients == 1:
        return compare(
            SECTION,
            "MC.GET 1 client, median latency",
            unit="ms",
            measured=[median(cost.each) * 1000 for cost in ours],
            compared=[median(cost.each) * 1000 for cost in bare],
            against="one bare forward pass",
            budget=LATENCY,
            note=note,
        )
    return compare(
        SECTION,
        f"MC.GET {clients} clients",
        unit="/s",
        measured=[cost.rate for cost in ours],
        compared=[cost.rate for cost in bare],
        against=beside(batches),
        budget=THROUGHPUT.get(clients),
        note=note,
    )


def _curves(clients: int, rounds: Sequence[Round]) -> list[Curve]:
    lines = {f"MC.GET, {clients} client{'s' * (clients > 1)}": [seconds for each in rounds for seconds in each.server.each]}
    if clients == 1:
        lines["bare forward pass"] = [seconds for each in rounds for seconds in each.bare.each]
    return [_curve(label, seconds) for label, seconds in lines.items()]


def _curve(label: str, seconds: Sequence[float]) -> Curve:
    x, y = percentile_curve([each * 1000 for each in seconds])
    return Curve("reworded-latency", label, "percentile", "latency, ms", x, y, scale="log")
