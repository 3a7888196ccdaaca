"""Command line of the benchmark."""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from mcserver.bench import exact, memory, restart, reworded, search, writes
from mcserver.bench.client import LoadError
from mcserver.bench.machine import inspect
from mcserver.bench.plan import FULL, QUICK, USUAL, Plan
from mcserver.bench.plot import plot
from mcserver.bench.processes import ProgramError
from mcserver.bench.profiler import profile
from mcserver.bench.progress import steps
from mcserver.bench.report import Findings, Report
from mcserver.bench.run import Run

Section = Callable[[Run], Findings]

SECTIONS: Mapping[str, Section] = {
    exact.SECTION: exact.measure,
    reworded.SECTION: reworded.measure,
    writes.SECTION: writes.measure,
    restart.SECTION: restart.measure,
    search.SECTION: search.measure,
    memory.SECTION: memory.measure,
}

ROOT = Path(__file__).resolve().parents[2]
MODEL_FOLDER = ROOT / ".cache" / "model" / "multilingual-e5-small"


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    result = argparse.ArgumentParser(
        prog="mc-bench",
        description="Measure mcserver beside redis-server and the bare ONNX runtime, in one run and on the same texts. "
        "Everything it compares is started here, on loopback and free ports, and ended with it.",
    )
    result.add_argument("sections", nargs="*", metavar="section", help=f"what to measure: {', '.join(SECTIONS)} (default: all)")
    size = result.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="plan", action="store_const", const=QUICK, help="small sizes, under a minute: does it all work?")
    size.add_argument(
        "--full", dest="plan", action="store_const", const=FULL, help="more rounds, and the search in 1,000,000 entries (many minutes)"
    )
    result.add_argument("--model", type=Path, default=MODEL_FOLDER, help="folder with model.onnx and tokenizer.json (default: %(default)s)")
    result.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="embedding threads of server and bare runtime alike (default: every core)"
    )
    result.add_argument("--json", type=Path, metavar="FILE", help="write all figures as JSON")
    result.add_argument("--plot", type=Path, metavar="DIR", help="write PNG plots (needs matplotlib)")
    result.add_argument(
        "--profile", action="store_true", help="also tell where the server's time goes under exact hits (py-spy or cProfile)"
    )
    result.set_defaults(plan=USUAL)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen sections; 0 when they all ran, 1 when one failed, 2 for wrong arguments, 130 when interrupted."""
    chosen = parser().parse_args(arguments)
    unknown = [name for name in chosen.sections if name not in SECTIONS]
    if unknown:
        parser().error(f"unknown section {unknown[0]!r}: expected some of {', '.join(SECTIONS)}")
    if not (chosen.model / "model.onnx").is_file():
        parser().error(
            f"no model.onnx in {chosen.model}: start bin/mcserver once, which builds the default model, or name a folder with --model"
        )
    return interruptible(lambda: _run(chosen))


def interruptible(work: Callable[[], int]) -> int:
    """The code of `work`, or 130 where Ctrl-C or SIGTERM ended it: every context is left, so every process it started is stopped."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return work()
    except KeyboardInterrupt:
        print("mc-bench: interrupted; everything it had started is stopped", file=sys.stderr)
        return 130


def _interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends a run as Ctrl-C does."""
    raise KeyboardInterrupt


def _run(chosen: argparse.Namespace) -> int:
    report, profiles = _measure(chosen.sections or list(SECTIONS), chosen)
    _write(report, profiles, chosen)
    return 1 if report.failed else 0


def _measure(names: Sequence[str], chosen: argparse.Namespace) -> tuple[Report, list[str]]:
    before = os.getloadavg()
    plan: Plan = chosen.plan
    with tempfile.TemporaryDirectory(prefix="mc-bench-") as folder, steps() as step:
        run = Run(plan, Path(folder), chosen.model.resolve(), chosen.threads, step)
        findings = [_attempt(name, SECTIONS[name], run) for name in names]
        profiles: list[str] = []
        if chosen.profile:
            findings.append(_attempt("profile", partial(_profile, profiles), run))
    return Report(inspect(before), plan.name, tuple(findings)), profiles


def _attempt(name: str, section: Section, run: Run) -> Findings:
    """A section that breaks off costs its own figures, not those of the others."""
    try:
        return section(run)
    except (ProgramError, LoadError, OSError) as error:
        return Findings(failed=(f"{name}: {error}",))


def _profile(texts: list[str], run: Run) -> Findings:
    for depth in run.plan.exact:
        run.step(f"profile, -P {depth}")
        texts.append(profile(run, depth))
    return Findings()


def _write(report: Report, profiles: Sequence[str], chosen: argparse.Namespace) -> None:
    print(report.text())
    for text in profiles:
        print(f"\n{text}")
    if chosen.json:
        chosen.json.write_text(report.json() + "\n", encoding="utf-8")
    if chosen.plot:
        for path in plot(report, chosen.plot):
            print(f"plot: {path}")


if __name__ == "__main__":
    sys.exit(main())
