"""The search section on a real index, and the measure of how long the loop stands still."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from mcserver.bench import lag
from mcserver.bench.lag import LoopLag
from mcserver.bench.plan import Plan
from mcserver.bench.run import Run
from mcserver.bench.search import FIRST_ID, MODEL_ID, PARTITION, STEP, SyntheticSource, count_right, measure
from mcserver.bench.synthetic import Synthetic
from storage.records import Neighbour


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lag, "perf_counter", clock)
    return clock


async def ticks() -> None:
    """Let the task of LoopLag run at least once."""
    await asyncio.sleep(lag.TICK * 3)


async def test_a_blocked_loop_is_noticed(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "_queued", lambda: 0.0)
    async with LoopLag() as seen:
        clock.now += 0.04
        await ticks()
        clock.now += 0.02
        await ticks()
    assert seen.late == seen.blocked == pytest.approx(0.04 - lag.TICK)


async def test_waiting_for_a_processor_is_not_being_blocked(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "_queued", lambda: clock.now * 0.75)
    async with LoopLag() as seen:
        clock.now += 0.04
        await ticks()
    assert seen.late == pytest.approx(0.04 - lag.TICK)
    assert seen.blocked == pytest.approx(0.01 - lag.TICK)


async def test_without_a_scheduler_record_all_lateness_counts(clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lag, "_SCHEDULER", tmp_path / "missing")
    async with LoopLag() as seen:
        clock.now += 0.04
        await ticks()
    assert seen.blocked == seen.late > 0


@pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="only Linux records it")
def test_scheduler_record_is_read() -> None:
    assert lag._queued() >= 0
    assert lag._queued() != 0 or Path("/proc/thread-self/schedstat").read_text().split()[1] == "0"


def test_source_shows_all_vectors_in_slices() -> None:
    vectors = Synthetic(5_000, 8).vectors
    source = SyntheticSource(vectors)
    ids, versions = source.ids(MODEL_ID, PARTITION)
    slices = list(source.vectors(MODEL_ID, PARTITION))
    assert source.partitions() == [(MODEL_ID, PARTITION, 5_000)]
    assert len(slices) > 1
    assert np.array_equal(np.concatenate([part.vectors for part in slices]), vectors)
    assert np.array_equal(np.concatenate([part.ids for part in slices]), ids)
    assert np.array_equal(np.concatenate([part.versions for part in slices]), versions)


def test_source_shows_chosen_vectors() -> None:
    vectors = Synthetic(50, 8).vectors
    (part,) = SyntheticSource(vectors).vectors(MODEL_ID, PARTITION, np.array([FIRST_ID + STEP * 7, FIRST_ID + STEP * 40]))
    assert np.array_equal(part.vectors, vectors[[7, 40]])
    assert part.ids.tolist() == [FIRST_ID + STEP * 7, FIRST_ID + STEP * 40]


def test_only_the_best_neighbour_counts() -> None:
    right, wrong = Neighbour(FIRST_ID + STEP * 4, 0.9), Neighbour(FIRST_ID, 0.9)
    assert count_right([[right, wrong], [wrong, right], []], np.array([4, 4, 4])) == 1


def test_search_is_measured_exact_and_as_a_graph(tmp_path: Path) -> None:
    plan = Plan("test", 2, {}, 0, 0, {}, 0, 0, (200, 10_100), 40, 0)
    findings = measure(Run(plan, tmp_path, tmp_path, 1, lambda _: None))
    recall = {row.name: row.measured.median for row in findings.rows if "recall" in row.name}
    assert recall["200 entries, recall@1, reworded questions"] == 1
    assert recall["200 entries, recall@1, new questions"] == 1
    assert recall["10,100 entries, recall@1, reworded questions"] >= 0.95
    assert sum("p99" in row.name for row in findings.rows) == 2
    assert sum("loop blocked" in row.name for row in findings.rows) == 6
    assert {curve.plot for curve in findings.curves} == {"search-latency"}
