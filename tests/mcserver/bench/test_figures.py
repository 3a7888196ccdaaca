"""Statistics, rows, table and JSON of the benchmark."""

import json
import math
import mmap
import os
from pathlib import Path

import pytest

from mcserver.bench.cost import Cost, processor_note
from mcserver.bench.machine import Machine, cpu_model, inspect, processor_seconds, resident_bytes, versions
from mcserver.bench.plot import plot
from mcserver.bench.report import Budget, Curve, Findings, Report, Row, Verdict, compare, table
from mcserver.bench.summary import Summary, figure, percentile, percentile_curve

MACHINE = Machine("Test CPU", 2, (0.5, 0.25, 0.0), (1.0, 0.5, 0.25), "Linux", {"python": "3.11.7", "faiss-cpu": "1.15.1"})


def row(measured: list[float], compared: list[float], budget: Budget | None = None) -> Row:
    return compare("exact", "MC.GET", unit="/s", measured=measured, compared=compared, against="GET", budget=budget, note="p99 1 ms")


def report(*rows: Row, **others: tuple[str, ...]) -> Report:
    curve = Curve("latency", "one client", "percentile", "ms", (50.0, 99.0), (1.0, 2.0), scale="log")
    return Report(MACHINE, "quick", (Findings(rows, (curve,), **others),))


def test_summary_is_median_smallest_and_largest() -> None:
    assert Summary.of([3, 1, 2, 10]) == Summary(2.5, 1, 10, 4)
    with pytest.raises(ValueError, match="no measurements"):
        Summary.of([])


def test_summary_of_one_round_shows_no_spread() -> None:
    assert str(Summary.of([31204.4])) == "31,204"
    assert str(Summary.of([0.8734, 0.5, 12.0])) == "0.873 (0.500-12.0)"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (1234567.8, "1,234,568"),
        (123.4, "123"),
        (99.96, "100"),
        (12.34, "12.3"),
        (1.0, "1.00"),
        (0.1234, "0.123"),
        (0.01234, "0.0123"),
        (-2.5, "-2.50"),
        (math.inf, "inf"),
    ],
)
def test_figures_have_three_significant_digits(value: float, shown: str) -> None:
    assert figure(value) == shown


def test_percentile_is_nearest_rank() -> None:
    values = list(range(100, 0, -1))
    assert [percentile(values, share) for share in (0, 0.01, 0.5, 0.99, 1)] == [1, 1, 50, 99, 100]
    assert percentile([7], 0.99) == 7
    with pytest.raises(ValueError, match="no measurements"):
        percentile([], 0.5)


def test_percentile_curve_ends_at_the_largest() -> None:
    x, y = percentile_curve([1.0, 2.0, 3.0])
    assert x[-1] == 100
    assert y[-1] == 3.0
    assert list(y) == sorted(y)


def test_costs_join() -> None:
    joined = Cost.joined([Cost(2, 1.0, 0.5, (0.4, 0.6)), Cost(1, 3.0, 0.25, (3.0,))])
    assert joined == Cost(3, 4.0, 0.75, (0.4, 0.6, 3.0))
    assert joined.rate == 0.75


def test_processor_time_is_noted_where_it_is_known() -> None:
    known, unknown = Cost(10, 1.0, 0.05), Cost(10, 1.0, 0.0)
    assert processor_note([known], [Cost(10, 1.0, 0.04)]) == "processor 5.00 ms each against 4.00"
    assert processor_note([known], [unknown]) == processor_note([unknown], [known]) == ""


def test_ratio_is_taken_round_by_round() -> None:
    # A machine that slows down threefold between rounds changes both sides alike: the ratio does not move.
    assert row([90, 30], [100, 100 / 3]).ratio == Summary(pytest.approx(0.9), pytest.approx(0.9), pytest.approx(0.9), 2)
    with pytest.raises(ValueError, match="shorter"):
        row([1, 2], [1])


@pytest.mark.parametrize(
    ("budget", "measured", "verdict"),
    [
        (Budget(0.8), 80, Verdict.MET),
        (Budget(0.8), 79.9, Verdict.MISSED),
        (Budget(1.25, ceiling=True), 125, Verdict.MET),
        (Budget(1.25, ceiling=True), 125.1, Verdict.MISSED),
        (None, 1, Verdict.NONE),
    ],
)
def test_verdict(budget: Budget | None, measured: float, verdict: Verdict) -> None:
    assert row([measured], [100], budget).verdict is verdict


def test_row_without_ratio_has_no_verdict() -> None:
    assert Row("search", "open", "s", Summary.of([1.0]), budget=Budget(1)).verdict is Verdict.NONE


def test_table_is_aligned_markdown() -> None:
    lines = table([row([90], [100], Budget(0.8)), Row("search", "open", "s", Summary.of([1.5]))])
    assert len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == [
        "exact",
        "MC.GET",
        "90.0 /s",
        "GET",
        "100 /s",
        "0.900",
        ">= 0.8",
        "met",
        "p99 1 ms",
    ]
    assert [cell.strip() for cell in lines[3].strip("|").split("|")] == ["search", "open", "1.50 s", "", "", "", "", "", ""]
    assert set(lines[1]) == {"|", "-"}


def test_text_names_machine_loads_versions_and_what_is_missing() -> None:
    text = report(row([10], [100], Budget(0.8)), skipped=("memory: no /proc",), failed=("restart: port taken",)).text()
    for part in (
        "Test CPU, 2 cores",
        "before 0.50 0.25 0.00, after 1.00",
        "faiss-cpu 1.15.1",
        "MISSED",
        "skipped: memory",
        "FAILED: restart",
    ):
        assert part in text


def test_json_holds_every_figure() -> None:
    document = json.loads(report(row([75, 25], [100, 100], Budget(0.8)), failed=("set: broke",)).json())
    assert document["rows"][0]["ratio"] == {"median": 0.5, "low": 0.25, "high": 0.75, "rounds": 2}
    assert document["rows"][0]["verdict"] == "MISSED"
    assert document["rows"][0]["budget"] == {"limit": 0.8, "ceiling": False}
    assert document["curves"][0]["y"] == [1.0, 2.0]
    assert document["machine"]["cores"] == 2
    assert document["failed"] == ["set: broke"]


def test_plot_writes_one_file_for_ratios_and_one_for_each_family_of_curves(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    paths = plot(report(row([90], [100], Budget(0.8)), row([10], [100])), tmp_path / "plots")
    assert [path.name for path in paths] == ["ratios.png", "latency.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_plot_without_ratios_draws_the_curves_alone(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert [path.name for path in plot(report(), tmp_path)] == ["latency.png"]


def test_machine_is_this_one() -> None:
    machine = inspect((0.0, 0.0, 0.0))
    assert machine.cpu == cpu_model() != ""
    assert machine.cores >= 1
    assert machine.load_before == (0.0, 0.0, 0.0)
    assert machine.versions == versions()
    assert {"python", "hiredis", "numpy"} <= set(machine.versions)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from /proc, which only Linux has")
def test_resident_memory_grows_with_what_is_touched() -> None:
    before = resident_bytes(os.getpid())
    with mmap.mmap(-1, 64 << 20) as held:  # pages of its own: a heap may have as much to spare
        for page in range(0, len(held), mmap.PAGESIZE):
            held[page] = 1
        assert resident_bytes(os.getpid()) - before >= len(held) // 2
    with pytest.raises(OSError, match="status"):
        resident_bytes(2**22 + 1)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processor time is read from /proc, which only Linux has")
def test_processor_time_is_that_of_the_process() -> None:
    times = os.times()
    assert processor_seconds(os.getpid()) >= times.user + times.system - 0.01
    with pytest.raises(OSError, match="stat"):
        processor_seconds(2**22 + 1)
