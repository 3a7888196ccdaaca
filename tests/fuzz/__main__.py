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

RUNS = {"request": 40_000, "inline": 100_000, "setting": 15_000, "acl": 2000, "aclfile": 2000, "usage": 40_000}
"""Inputs per target, 10 seconds or so each."""

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
    before = set(found.iterdir())
    with tempfile.TemporaryDirectory() as scratch:
        inputs = KEPT / target if seconds else Path(scratch)
        inputs.mkdir(exist_ok=True)
        extent = f"-max_total_time={seconds}" if seconds else f"-runs={RUNS[target]}"
        seed = 1 + secrets.randbelow(2**31) if seconds else 1
        options = [
            extent,
            f"-seed={seed}",
            f"-max_len={LONGEST_INPUT}",
            f"-artifact_prefix={found}/",
            "-print_final_stats=1",
            "-verbosity=0",
        ]
        command = [sys.executable, "-m", "tests.fuzz.run", target, *options, str(inputs), str(CORPUS / target)]
        print(f"fuzz {target}: seed {seed}", flush=True)
        status = subprocess.run(command, check=False, env=os.environ | {"PYTHONHASHSEED": "0"}).returncode
    for path in sorted(set(found.iterdir()) - before):
        print(f"fuzz {target}: this input is a finding: {path.read_bytes()!r}")
        print(f"run it again: python -m tests.fuzz.run {target} {path}")
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
