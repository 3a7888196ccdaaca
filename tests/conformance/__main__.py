"""bin/conformance: Redis' own tests against this server. See --help."""

import argparse
import fcntl
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.conformance import report
from tests.conformance.run import PORTS, Outcome, run_unit
from tests.conformance.skips import Skip, SkipListError, read_skips
from tests.conformance.source import Source, SourceError, fetch_source, open_source
from tests.conformance.stage import ROOT
from tests.conformance.units import UNITS, Mode, Unit
from tests.embedding.tiny_model import TinyModel

CACHE = ROOT / ".cache" / "conformance"
PAGE = ROOT / "docs" / "conformance.md"
AT_ONCE = 2
FIRST_PORT = 21111

Plan = Sequence[tuple[Unit, Mode]]
Skips = dict[str, list[Skip]]


def main() -> int:
    """Exit code 0: all that was run passed, and every entry of the skip lists is needed. 1: not so. 2: nothing could be run."""
    options = _arguments()
    units = [unit for unit in UNITS if not options.units or unit.name.rpartition("/")[2] in options.units]
    plan = [(unit, mode) for unit in units for mode in unit.modes if mode in options.mode]
    try:
        with _alone(CACHE):
            source = open_source(options.source) if options.source else fetch_source(CACHE)
            skips = {unit.name: read_skips(unit.name) for unit in units}
            outcomes = run_all(plan, {} if options.all else skips, source)
    except (BlockingIOError, SourceError, SkipListError) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    dead = [] if options.all else _dead(skips, plan, outcomes)
    for outcome in outcomes:
        print(end=report.failures(outcome))
        print(end=report.needless(outcome, skips[outcome.unit]) if options.all else "")
    for unit, entry in dead:
        print(f"needless entry in the skip list of {unit}: {entry.pattern}")
    if options.write:
        report.write_page(PAGE, report.figures(outcomes, source.version))
    print(report.summary(outcomes))
    return 1 if dead or any(outcome.failed for outcome in outcomes) else 0


def run_all(plan: Plan, skips: Skips, source: Source) -> list[Outcome]:
    """Run the plan, AT_ONCE at a time, and print a line for each run as it ends.

    Many tests give the server some time for a thing: one that fails beside others and passes alone, on a quieter machine, has passed.
    """
    folder = CACHE / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = TinyModel(folder / "model").path

    def run(number: int, unit: Unit, mode: Mode, *, again: bool = False) -> Outcome:
        place, ports = folder / f"{number}{'-again' if again else ''}", FIRST_PORT + number * PORTS
        outcome = run_unit(unit, mode, skips=skips.get(unit.name, []), source=source.path, model=model, folder=place, ports=ports)
        print(report.line(outcome), flush=True)
        return outcome

    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [pool.submit(run, number, *one) for number, one in enumerate(plan)]
        try:
            outcomes = [done.result() for done in runs]
        finally:
            pool.shutdown(cancel_futures=True)
    return [run(number, *plan[number], again=True) if outcome.failed else outcome for number, outcome in enumerate(outcomes)]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two runs at a time would take each other's ports and folders. Raises BlockingIOError."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"another run is under way in {folder}") from None
        yield


def _dead(skips: Skips, plan: Plan, outcomes: Iterable[Outcome]) -> list[tuple[str, Skip]]:
    """Entries that covered no test, of the units that were run in all their modes."""
    used = {(outcome.unit, entry) for outcome in outcomes for entry in outcome.used}
    whole = {unit.name for unit, _ in plan if all((unit, mode) in plan for mode in unit.modes)}
    return [(unit, entry) for unit in sorted(whole) for entry in skips[unit] if (unit, entry) not in used]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/conformance", description="Run Redis' own tests against the server.")
    names = [unit.name.rpartition("/")[2] for unit in UNITS]
    parser.add_argument("units", nargs="*", metavar="unit", help=f"only these; there are {', '.join(names)}")
    parser.add_argument("--mode", action="append", choices=list(Mode), help="only this mode; may be repeated")
    parser.add_argument("--all", action="store_true", help="run the tests of the skip lists too, and say which of them pass")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/conformance.md")
    parser.add_argument("--source", type=Path, help="an unpacked source of Redis, in place of fetching one")
    options = parser.parse_args()
    if unknown := set(options.units) - set(names):
        parser.error(f"there is no unit {', '.join(sorted(unknown))}")
    if options.write and (options.units or options.mode or options.all):
        parser.error("the figures to write are those of a whole run")
    options.mode = [Mode(mode) for mode in options.mode or Mode]
    return options


if __name__ == "__main__":
    sys.exit(main())
