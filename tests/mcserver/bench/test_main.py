"""The command line of the benchmark."""

import json
import sys
from pathlib import Path

import pytest

from mcserver.bench import __main__ as command
from mcserver.bench import profiler
from mcserver.bench.client import LoadError
from mcserver.bench.plan import FULL, QUICK, USUAL
from mcserver.bench.progress import steps
from mcserver.bench.report import Budget, Findings, compare
from mcserver.bench.run import Run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.onnx").touch()
    return folder


@pytest.fixture
def sections(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Two sections in place of the real ones: one notes its run and finds something, one breaks off."""
    runs: list[Run] = []

    def works(run: Run) -> Findings:
        runs.append(run)
        assert run.folder.is_dir()
        row = compare("works", "a thing", unit="/s", measured=[9], compared=[10], against="another", budget=Budget(0.8))
        return Findings((row,))

    def breaks(run: Run) -> Findings:
        raise LoadError("the server closed a connection")

    monkeypatch.setattr(command, "SECTIONS", {"works": works, "breaks": breaks})
    return runs


def test_chosen_sections_print_a_table_and_write_files(
    sections: list[Run], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    options = ["--quick", "--model", str(model), "--threads", "3", "--json", str(tmp_path / "a.json"), "--plot", str(tmp_path / "plots")]
    assert command.main(["works", *options]) == 0
    (run,) = sections
    assert (run.plan, run.threads, run.model) == (QUICK, 3, model)
    assert not run.folder.exists()
    assert json.loads((tmp_path / "a.json").read_text())["rows"][0]["ratio"]["median"] == 0.9
    output = capsys.readouterr().out
    assert "| works   | a thing |" in output
    assert f"plot: {tmp_path / 'plots' / 'ratios.png'}" in output


def test_a_section_that_breaks_off_leaves_the_others_their_figures(
    sections: list[Run], model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["breaks", "works", "--model", str(model)]) == 1
    output = capsys.readouterr().out
    assert "FAILED: breaks: the server closed a connection" in output
    assert "| a thing |" in output


def test_all_sections_without_a_name(sections: list[Run], model: Path) -> None:
    assert command.main(["--model", str(model), "--full"]) == 1
    assert [run.plan for run in sections] == [FULL]


def test_usual_sizes_by_default(sections: list[Run], model: Path) -> None:
    assert command.main(["works", "--model", str(model)]) == 0
    assert [run.plan for run in sections] == [USUAL]


def test_unknown_section(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        command.main(["exakt", "--model", str(model)])
    assert error.value.code == 2
    assert "unknown section 'exakt': expected some of exact, reworded, set, restart, search, memory" in capsys.readouterr().err


def test_missing_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        command.main(["exact", "--model", str(tmp_path)])
    assert error.value.code == 2
    assert f"no model.onnx in {tmp_path}" in capsys.readouterr().err


def test_profile_is_printed_for_each_depth(
    sections: list[Run], model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "profile", lambda _, depth: f"profile of depth {depth}")
    assert command.main(["works", "--model", str(model), "--profile"]) == 0
    output = capsys.readouterr().out
    assert "profile of depth 1\n\nprofile of depth 16" in output


def test_stacks_of_the_main_thread_are_summed_by_function() -> None:
    stacks = ["main;loop;read 3", "main;loop;write 1", "main;loop;read;read 4", "main 2"]
    lines = [f"thread (0x1): MainThread;{stack}" for stack in stacks]
    assert profiler.summarise([*lines, "thread (0x2): worker;wait 90", "thread (0x1): MainThread 5"]).splitlines() == [
        "    own   total  function",
        "  70.0%   70.0%  read",
        "  20.0%  100.0%  main",
        "  10.0%   10.0%  write",
    ]
    assert profiler.summarise([]) == "    own   total  function"


def test_sizes_grow_from_quick_to_full() -> None:
    assert QUICK.rounds < USUAL.rounds < FULL.rounds
    assert 1_000_000 in FULL.search
    assert 1_000_000 not in USUAL.search


def test_progress_is_a_line_for_each_step_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with steps() as step:
        step("exact hits, round 1 of 2")
        step("exact hits, round 2 of 2")
    assert [line.split("s  ")[1] for line in capsys.readouterr().err.splitlines()] == [
        "exact hits, round 1 of 2",
        "exact hits, round 2 of 2",
    ]


def test_progress_is_a_live_line_at_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with steps() as step:
        step("restart after SIGKILL")
    assert capsys.readouterr().out == ""
