"""Run the fuzz targets: `python -m tests.fuzz [TARGET ...] [--seconds N]`.

Without --seconds each target gets a fixed number of inputs made from a fixed seed: what CI does. With it each goes on that long, from
another seed every time, and the inputs that reached something new stay in .cache/fuzz/TARGET for the next time.
"""

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.targets import CORPUS, TARGETS

RUNS = {"request": 15_000, "inline": 100_000, "setting": 10_000, "acl": 1500, "aclfile": 2000, "usage": 20_000}
"""Inputs per target: 5 to 10 seconds each, where nothing else runs."""

LONGEST_SECONDS = 60
"""Of a target that gets a fixed number, on a machine that is busy or slow."""

KEPT = Path(".cache/fuzz")
LONGEST_INPUT = 512


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Run the fuzz targets.")
    parser.add_argument("target", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all where none is named")
    parser.add_argument("--seconds", type=int, help="how long to go on with each; without it a fixed number of inputs")
    given = parser.parse_args(arguments)
    if unknown := set(given.target) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    if find_spec("atheris") is None:
        print("atheris is not installed, so nothing is fuzzed: it has wheels for Linux on x86-64 only; pip install -e .[fuzz]")
        return 1 if os.environ.get("CI") else 0
    return max([fuzz(target, given.seconds) for target in given.target or TARGETS])


def fuzz(target: str, seconds: int | None) -> int:
    """Run one target in a process of its own, for the fuzzer ends its process; 1 after a finding."""
    found = KEPT / "found" / target
    found.mkdir(parents=True, exist_ok=True)
    before = _times(found)
    with tempfile.TemporaryDirectory() as scratch:
        inputs = KEPT / target if seconds else Path(scratch)
        inputs.mkdir(exist_ok=True)
        options = _options(target, seconds) | {"artifact_prefix": f"{found}/"}
        words = [f"-{name}={value}" for name, value in options.items()]
        print(f"fuzz {target}: seed {options['seed']}", flush=True)
        command = [sys.executable, "-m", "tests.fuzz.run", target, *words, str(inputs), str(CORPUS / target)]
        status = subprocess.run(command, check=False, env=os.environ | {"PYTHONHASHSEED": "0"}).returncode
    for path, _ in sorted(_times(found) - before):
        print(f"fuzz {target}: this input is a finding: {path.read_bytes()!r}")
        print(f"run it again: python -m tests.fuzz.run {target} {path}")
    return 1 if status else 0


def _options(target: str, seconds: int | None) -> dict[str, int]:
    """Those of libFuzzer. A single input that takes `timeout` seconds is a finding, too."""
    always = {"max_len": LONGEST_INPUT, "timeout": 60, "print_final_stats": 1, "verbosity": 0}
    if seconds:
        return always | {"seed": 1 + secrets.randbelow(2**31), "max_total_time": seconds}
    return always | {"seed": 1, "runs": RUNS[target], "max_total_time": LONGEST_SECONDS}


def _times(folder: Path) -> set[tuple[Path, int]]:
    return {(path, path.stat().st_mtime_ns) for path in folder.iterdir()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
