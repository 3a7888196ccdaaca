"""Starting again on a full data folder: how long until the first PONG and until the first answer by meaning."""

from collections.abc import Sequence
from time import monotonic, perf_counter, sleep

from mcserver.bench.client import Client, LoadError, load
from mcserver.bench.processes import Program
from mcserver.bench.report import Findings, Row, compare
from mcserver.bench.run import MODEL, Run, dimension
from mcserver.bench.synthetic import Synthetic, blobs
from mcserver.bench.texts import Question, Texts

SECTION = "restart"
PROBES = 40
ROUNDS = 3


def measure(run: Run) -> Findings:
    """Restart after SIGTERM and after SIGKILL, against a start on an empty folder, in turns."""
    with run.server("restart") as server:
        probes = fill(run, server, run.plan.restart)
        empty = run.server("restart-empty")
        starts = [_restarts(run, server, empty, probes, kill=kill) for kill in (False, True)]
    return Findings(tuple(row for rows in starts for row in rows))


def fill(run: Run, server: Program, entries: int) -> list[Question]:
    """Store synthetic entries with their vectors, and some questions the server embeds; those of them that are found when reworded."""
    texts = Texts(PROBES)
    run.step(f"storing {entries} entries")
    load(server.port, [("MC.SET", MODEL, each.stored, each.answer) for each in texts.stored], clients=16, patience=run.plan.patience)
    load(server.port, synthetic_sets(entries, dimension(server.port)), clients=32, depth=8, patience=run.plan.patience)
    server.await_idle(run.plan.patience)  # the graph over all of them is built
    found = [question for question in texts.stored if _hits(server.port, question)]
    if not found:
        raise LoadError(f"none of {PROBES} reworded questions was found among {entries} entries: nothing to time after a restart")
    return found


def synthetic_sets(entries: int, length: int) -> list[tuple[str | bytes, ...]]:
    """MC.SET commands that bring their own vectors."""
    vectors = blobs(Synthetic(entries, length).vectors)
    return [
        ("MC.SET", MODEL, f"Synthetic question number {number}", f"answer {number}", "VECTOR", blob) for number, blob in enumerate(vectors)
    ]


def _restarts(run: Run, server: Program, empty: Program, probes: Sequence[Question], *, kill: bool) -> list[Row]:
    full_pong, full_hit, empty_pong, misses = [], [], [], 0
    for _ in range(min(ROUNDS, run.plan.rounds)):
        run.step(f"restart after {'SIGKILL' if kill else 'SIGTERM'}")
        server.stop(kill=kill, patience=run.plan.patience)
        started = perf_counter()
        server.start()
        _await_hit(server.port, probes[0], patience=run.plan.patience)
        full_hit.append(perf_counter() - started)
        full_pong.append(server.start_seconds)
        misses += sum(not _hits(server.port, question) for question in probes)
        with empty:
            empty_pong.append(empty.start_seconds)
    after = f"{'SIGKILL' if kill else 'SIGTERM'}, {run.plan.restart:,} entries"
    note = f"{misses} of {len(probes)} probes were lost" if misses else "every probe found again"
    against = "the same on an empty folder"
    return [
        compare(SECTION, f"{after}: to first PONG", unit="s", measured=full_pong, compared=empty_pong, against=against, note=note),
        compare(
            SECTION, f"{after}: to first semantic hit", unit="s", measured=full_hit, compared=empty_pong, against="PONG on an empty folder"
        ),
    ]


def _hits(port: int, question: Question) -> bool:
    """Whether a wording that was not stored is answered with the right answer."""
    with Client(port) as client:
        return bool(client.call("MC.GET", MODEL, question.reworded[0]) == question.answer.encode())


def _await_hit(port: int, question: Question, *, patience: float) -> None:
    deadline = monotonic() + patience
    while not _hits(port, question):
        if monotonic() > deadline:
            raise LoadError(f"the server did not find {question.reworded[0]!r} within {patience:g} s of its restart")
        sleep(0.002)
