"""bin/conformance: what is run, and how it ends."""

import fcntl
import sys
from importlib import import_module

import pytest

from tests.conformance.harness import Event
from tests.conformance.run import Outcome
from tests.conformance.skips import Skip
from tests.conformance.units import UNITS, Mode

program = import_module("tests.conformance.__main__")


@pytest.fixture
def start(tmp_path, monkeypatch, capsys):
    """The program with these arguments: its exit code, what it printed, and the runs that it made, each with `events` as what came."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "version.h").write_text('#define REDIS_VERSION "7.0.15"\n')
    monkeypatch.setattr(program, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(program, "PAGE", tmp_path / "page.md")
    (tmp_path / "page.md").write_text("<!-- figures -->\n<!-- end -->\n")

    def start(*arguments, events=(), entries=()):
        runs = []

        def run_unit(unit, mode, *, skips, **_):
            runs.append((unit.name, mode, skips))
            return Outcome(unit.name, mode, events=(Event("ok", "PING"), *events), entries=tuple(skips))

        monkeypatch.setattr(program, "run_unit", run_unit)
        monkeypatch.setattr(program, "read_skips", lambda unit: list(entries))
        monkeypatch.setattr(sys, "argv", ["conformance", "--source", str(tmp_path), *arguments])
        code = program.main()
        return code, "".join(capsys.readouterr()), runs

    return start


SET = Skip("SET", "data")


def test_everything(start, tmp_path):
    code, output, runs = start("--write")
    assert code == 0
    assert sorted(run[:2] for run in runs) == sorted((unit.name, mode) for unit in UNITS for mode in unit.modes)
    assert output.endswith(f"{len(runs)} passed, 0 failed, 0 skipped\n")
    assert f"**{len(runs)}**" in (tmp_path / "page.md").read_text()


def test_some(start):
    _, _, runs = start("quit", "--mode", "tls", "--mode", "external")
    assert sorted(runs) == [("unit/quit", Mode.EXTERNAL, []), ("unit/quit", Mode.TLS, [])]


def test_a_failure(start):
    code, output, _ = start("limits", "--mode", "local", events=[Event("err", "Check", "came 11")])
    assert code == 1
    assert "--- unit/limits (local): Check\ncame 11\n" in output


def test_an_entry_that_no_mode_needs(start):
    code, output, _ = start("info", entries=[SET])
    assert code == 1
    assert "needless entry in the skip list of unit/info: SET\n" in output
    assert start("info", entries=[SET], events=[Event("skip", "SET")])[0] == 0


def test_whether_a_mode_that_was_not_run_needs_it_is_not_known(start):
    assert start("quit", "--mode", "tls", entries=[SET])[0] == 0


def test_all(start):
    code, output, runs = start("info", "--all", entries=[SET], events=[Event("ok", "SET")])
    assert (code, runs) == (0, [("unit/info", Mode.LOCAL, [])])
    assert "unit/info (local) passes without the entry: SET\n" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "there is no unit nosuch"),
        (["--write", "quit"], "the figures to write are those of a whole run"),
        (["--mode", "fast"], "invalid choice: 'fast'"),
    ],
)
def test_bad_arguments(start, capsys, arguments, message):
    with pytest.raises(SystemExit) as ended:
        start(*arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_nothing_to_run_with(start, tmp_path):
    code, output, runs = start("quit", "--source", str(tmp_path / "none"))
    assert (code, runs) == (2, [])
    assert output.startswith("conformance: the skip lists are for Redis 7.0")


def test_two_at_a_time(start, tmp_path):
    (tmp_path / "cache").mkdir()
    with (tmp_path / "cache" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, output, runs = start("quit")
    assert (code, runs) == (2, [])
    assert "another run is under way" in output
