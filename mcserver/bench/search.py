"""Search in the FAISS index by itself: recall against exact search, latency, and how long the event loop stands still meanwhile."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mcserver.bench.lag import LoopLag
from mcserver.bench.report import Budget, Curve, Findings, Row, compare
from mcserver.bench.run import Run
from mcserver.bench.summary import Summary, figure, percentile, percentile_curve
from mcserver.bench.synthetic import Synthetic, Vectors
from mcserver.settings import Settings
from storage.records import Neighbour, PartitionVectors, VectorQuery

if TYPE_CHECKING:
    from storage.faiss import FaissIndex

SECTION = "search"
RECALL = Budget(0.99)
TAIL = Budget(5, ceiling=True)
LAG = Budget(1, ceiling=True)
LAG_MS = 5.0
DIMENSION = 384  # the default model's
MODEL_ID, PARTITION = 1, bytes(16)
BATCH = 64  # questions searched at once, as many clients bring them
SLICE = 4096
FIRST_ID, STEP = 1_000, 3  # entry ids are not dense


class SyntheticSource:
    """Synthetic vectors as an entry store shows them to its index."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self.all_ids = FIRST_ID + STEP * np.arange(len(vectors), dtype=np.int64)

    def partitions(self) -> list[tuple[int, bytes, int]]:
        """The one partition."""
        return [(MODEL_ID, PARTITION, len(self._vectors))]

    def ids(self, model_id: int, partition: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and versions (all 1)."""
        return self.all_ids, np.ones_like(self.all_ids)

    def vectors(self, model_id: int, partition: bytes, ids: NDArray[np.int64] | None = None) -> Iterator[PartitionVectors]:
        """The vectors in slices."""
        rows = np.arange(len(self.all_ids)) if ids is None else (ids - FIRST_ID) // STEP
        for first in range(0, len(rows), SLICE):
            part = rows[first : first + SLICE]
            yield PartitionVectors(self.all_ids[part], self._vectors[part], np.ones(len(part), np.int64))


@dataclass(frozen=True, slots=True)
class Answers:
    """Searches of one kind, one at a time: the questions, what was found for each, seconds of each."""

    questions: Vectors
    found: tuple[list[Neighbour], ...]
    seconds: tuple[float, ...]


def measure(run: Run) -> Findings:
    """Every size of the plan, with the server's default settings of the index."""
    findings = [asyncio.run(_measure(run, entries)) for entries in run.plan.search]
    return Findings(tuple(row for each in findings for row in each.rows), tuple(curve for each in findings for curve in each.curves))


async def _measure(run: Run, entries: int) -> Findings:
    from storage.faiss import FaissIndex  # noqa: PLC0415 - heavy, and wanted by this section only

    run.step(f"search: making {entries:,} vectors")
    synthetic = Synthetic(entries, DIMENSION)
    settings = Settings()
    index = FaissIndex(
        run.folder / f"search-{entries}",
        exact_max=settings.index_exact_max,
        m=settings.hnsw_m,
        ef_construction=settings.hnsw_ef_construction,
        ef_search=settings.hnsw_ef_search,
        close_seconds=0,
    )
    source = SyntheticSource(synthetic.vectors)
    try:
        idle = await _idle()
        built = await _build(run, index, source, synthetic)
        return await _search(run, index, synthetic, [Standstill("idle", idle), built])
    finally:
        await index.close()


@dataclass(frozen=True, slots=True)
class Standstill:
    """The longest time the loop stood still while something was done, and how long that took (seconds)."""

    what: str
    lag: LoopLag
    seconds: float = 0.0


async def _idle() -> LoopLag:
    async with LoopLag() as lag:
        await asyncio.sleep(1)
    return lag


async def _build(run: Run, index: "FaissIndex", source: SyntheticSource, synthetic: Synthetic) -> Standstill:
    """Open the index on all entries and wait for its graphs, while lookups go on."""
    run.step(f"search: building the index of {len(synthetic.vectors):,}")
    questions = synthetic.reworded(5)
    started = perf_counter()
    await index.open(source)  # before a server listens, so its loop may wait
    async with LoopLag() as lag:
        building = asyncio.create_task(index.settled())
        while not building.done():
            for query in _queries(questions):
                await index.search([query])
                await asyncio.sleep(0.02)
        await building
    return Standstill("a background build", lag, perf_counter() - started)


async def _search(run: Run, index: "FaissIndex", synthetic: Synthetic, seen: list[Standstill]) -> Findings:
    entries, count = len(synthetic.vectors), run.plan.searches
    run.step(f"search: asking among {entries:,}")
    questions = {"reworded questions": synthetic.reworded(count), "new questions": synthetic.new(count)}
    async with LoopLag() as one_by_one:
        answers = {name: await _ask(index, vectors) for name, vectors in questions.items()}
    async with LoopLag() as batches:
        for first in range(0, count, BATCH):
            await index.search(_queries(questions["reworded questions"][first : first + BATCH]))
    seen += [Standstill("single searches", one_by_one), Standstill(f"searches of {BATCH}", batches)]
    rows = [_recall_row(synthetic, name, answer) for name, answer in answers.items()]
    rows.append(_latency_row(entries, run.plan.rounds, answers["reworded questions"].seconds))
    rows += [_lag_row(entries, each, seen[0]) for each in seen[1:]]
    rows.append(_size_row(entries, index.memory, seen[1].seconds))
    return Findings(tuple(rows), tuple(_curve(entries, name, answer.seconds) for name, answer in answers.items()))


def _queries(vectors: Vectors) -> list[VectorQuery]:
    return [VectorQuery(MODEL_ID, PARTITION, vector, 8) for vector in vectors]


async def _ask(index: "FaissIndex", questions: Vectors) -> Answers:
    seconds, found = [], []
    for query in _queries(questions):
        started = perf_counter()
        found += await index.search([query])
        seconds.append(perf_counter() - started)
    return Answers(questions, tuple(found), tuple(seconds))


def _recall_row(synthetic: Synthetic, name: str, answers: Answers) -> Row:
    nearest, _ = synthetic.nearest(answers.questions)
    return compare(
        SECTION,
        f"{len(synthetic.vectors):,} entries, recall@1, {name}",
        unit="",
        measured=[count_right(answers.found, nearest) / len(answers.found)],
        compared=[1.0],
        against="exact search",
        budget=RECALL,
    )


def count_right(found: Sequence[Sequence[Neighbour]], rows: NDArray[np.int64]) -> int:
    """How many results have the id of the row that exact search found first."""
    wanted = (FIRST_ID + STEP * rows).tolist()
    return sum(bool(neighbours) and neighbours[0].id == right for neighbours, right in zip(found, wanted, strict=True))


def _latency_row(entries: int, rounds: int, seconds: Sequence[float]) -> Row:
    length = max(1, len(seconds) // rounds)
    parts = [seconds[first : first + length] for first in range(0, length * rounds, length)]
    return compare(
        SECTION,
        f"{entries:,} entries, one search, p99",
        unit="ms",
        measured=[percentile(part, 0.99) * 1000 for part in parts],
        compared=[percentile(part, 0.5) * 1000 for part in parts],
        against="its median",
        budget=TAIL,
    )


def _lag_row(entries: int, seen: Standstill, idle: Standstill) -> Row:
    late, quiet, quiet_late = (figure(seconds * 1000) for seconds in (seen.lag.late, idle.lag.blocked, idle.lag.late))
    return compare(
        SECTION,
        f"{entries:,} entries, loop blocked, {seen.what}",
        unit="ms",
        measured=[seen.lag.blocked * 1000],
        compared=[LAG_MS],
        against="the most allowed",
        budget=LAG,
        note=f"{late} with waiting for a processor; idle loop {quiet}, {quiet_late} with waiting",
    )


def _size_row(entries: int, memory: int, seconds: float) -> Row:
    note = f"{memory / entries:.0f} bytes a vector in the index"
    return Row(SECTION, f"{entries:,} entries, built in", "s", Summary.of([seconds]), note=note)


def _curve(entries: int, name: str, seconds: Sequence[float]) -> Curve:
    x, y = percentile_curve([each * 1000 for each in seconds])
    return Curve("search-latency", f"{entries:,} entries, {name}", "percentile", "latency, ms", x, y, scale="log")
