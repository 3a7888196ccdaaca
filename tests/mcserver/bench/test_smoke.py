"""Every section once, tiny, on the real server with the real model: does it find what it looks for?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mcserver.bench import exact, memory, profiler, restart, reworded, writes
from mcserver.bench.__main__ import MODEL_FOLDER
from mcserver.bench.plan import Plan
from mcserver.bench.report import Findings
from mcserver.bench.run import Run

pytestmark = pytest.mark.skipif(not (MODEL_FOLDER / "model.onnx").exists(), reason="the default model is not built yet")

TINY = Plan("tiny", 1, {1: 200, 16: 20_000}, 12, 8, {1: 2, 64: 66}, 66, 200, (), 0, 200, patience=120)

needs_redis = pytest.mark.skipif(not shutil.which("redis-benchmark"), reason="redis-server and redis-benchmark are not installed")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(TINY, tmp_path, MODEL_FOLDER, 1, lambda _: None)


def names(findings: Findings) -> list[str]:
    assert all(row.measured.median > 0 for row in findings.rows)
    return [row.name for row in findings.rows]


@needs_redis
def test_exact_hits_beside_redis(run: Run) -> None:
    found = names(exact.measure(run))
    assert found == [f"MC.GET -c 50 -P {depth}, {loop}" for depth in (1, 16) for loop in exact.loops()]


def test_exact_hits_without_redis_are_skipped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(run.folder))
    findings = exact.measure(run)
    assert not findings.rows
    assert "redis-server and redis-benchmark are not installed" in findings.skipped[0]


def test_reworded_questions_beside_the_runtime(run: Run) -> None:
    findings = reworded.measure(run)
    assert names(findings) == ["MC.GET 1 client, median latency", "MC.GET 64 clients"]
    assert [curve.label for curve in findings.curves] == ["MC.GET, 1 client", "bare forward pass", "MC.GET, 64 clients"]
    assert all("answered" in row.note for row in findings.rows)


def test_durable_writes_beside_the_runtime(run: Run) -> None:
    assert names(writes.measure(run)) == ["MC.SET 64 clients, durability always", "MC.SET 64 clients, durability everysec"]


def test_restart_finds_everything_again(run: Run) -> None:
    findings = restart.measure(run)
    assert [row.note for row in findings.rows if "PONG" in row.name] == ["every probe found again"] * 2
    assert len(names(findings)) == 4


def test_memory_is_read_where_it_can_be(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "has_proc", lambda: False)
    assert "only Linux" in memory.measure(run).skipped[0]


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc, which only Linux has")
def test_memory_per_entry(run: Run) -> None:
    rows = memory.measure(run).rows
    assert [row.name for row in rows] == [f"bytes per entry, from 20 to 200, {when}" for when in ("as written", "after a restart")]


@needs_redis
@pytest.mark.parametrize("program", ["py-spy", "cProfile"])
def test_profile_names_the_function_that_reads(run: Run, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    if program == "cProfile":
        monkeypatch.setattr(profiler, "spy", lambda: None)
    elif profiler.spy() is None:
        pytest.skip("py-spy is not installed")
    monkeypatch.setattr(profiler, "SECONDS", 1)
    text = profiler.profile(run, 16)
    assert text.startswith(program)
    assert "data_received" in text


def launch(python: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    launcher = Path(__file__).resolve().parents[3] / "bin" / "mc-bench"
    copy = folder / "tree" / "bin" / "mc-bench"  # a tree without .venv, whatever the one under test has
    copy.parent.mkdir(parents=True)
    shutil.copy(launcher, copy)
    environment = os.environ | {"PATH": f"{python.parent}:{os.environ['PATH']}", "PYTHONPATH": str(launcher.parents[1])}
    return subprocess.run([copy, "--help"], capture_output=True, text=True, cwd=folder, env=environment, check=False)


def test_launcher_starts_from_any_folder(tmp_path: Path) -> None:
    done = launch(Path(sys.executable), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: mc-bench" in done.stdout


def test_launcher_names_what_is_missing(tmp_path: Path) -> None:
    bare = tmp_path / "python3"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    done = launch(bare, tmp_path)
    assert done.returncode == 2
    assert "start bin/mcserver once" in done.stderr
