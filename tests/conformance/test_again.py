"""A run that failed is run once more, alone."""

from pathlib import Path

import pytest

from tests.conformance import __main__ as main
from tests.conformance.harness import Event
from tests.conformance.run import Outcome
from tests.conformance.source import Source
from tests.conformance.units import Mode, Unit

PLAN = [(Unit("unit/quick"), Mode.LOCAL), (Unit("unit/slow"), Mode.LOCAL)]


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The folders that were run in. unit/slow fails as often as `tmp_path/failures` has lines."""
    monkeypatch.setattr(main, "CACHE", tmp_path)
    folders: list[str] = []

    def run_unit(unit: Unit, mode: Mode, *, folder: Path, **_: object) -> Outcome:
        folders.append(folder.name)
        fails = unit.name == "unit/slow" and sum(name.startswith("1") for name in folders) <= int((tmp_path / "failures").read_text())
        return Outcome(unit.name, mode, events=(Event("err" if fails else "ok", "a test", ""),), entries=())

    monkeypatch.setattr(main, "run_unit", run_unit)
    return folders


@pytest.mark.parametrize(("failures", "failed"), [(0, 0), (1, 0), (2, 1)])
def test_what_fails_twice_has_failed(attempts: list[str], tmp_path: Path, failures: int, failed: int):
    (tmp_path / "failures").write_text(str(failures))
    outcomes = main.run_all(PLAN, {}, Source(tmp_path, "7.0.15"))
    assert [outcome.unit for outcome in outcomes] == ["unit/quick", "unit/slow"]
    assert sum(len(outcome.failed) for outcome in outcomes) == failed
    assert sorted(attempts) == (["0", "1"] if failures == 0 else ["0", "1", "1-again"])
