"""Command line of the evaluation."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mcserver.app import make_encoder
from mcserver.evaluate.pairs import PairFileError, read_pairs
from mcserver.evaluate.report import Report
from mcserver.evaluate.run import Plan, evaluate
from mcserver.evaluate.scorer import cosine_scorer
from mcserver.folder import StartupError
from mcserver.settings import SettingError, Settings, load_settings

EXIT_REFUSED = 2


def say(text: str) -> None:
    """One line for who waits; what was found goes to standard output."""
    print(text, file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    """The arguments that are not settings of the server."""
    made = argparse.ArgumentParser(
        prog="mc-eval",
        description="Score labelled pairs (lines of text<TAB>text<TAB>1 or 0) and recommend thresholds.",
        epilog="Settings of the server may be given as --name value: --embedder, --dir, --threshold, --threshold-long, --long-text-chars.",
        allow_abbrev=False,
    )
    made.add_argument("files", nargs="+", type=Path, metavar="FILE", help="pair files; every one weighs the same in a recommendation")
    made.add_argument("--pairs", type=int, default=2000, metavar="N", help="pairs drawn from each file (default 2000)")
    made.add_argument("--joined", type=int, default=100, metavar="N", help="long pairs made from each file (default 100; 0: none)")
    made.add_argument("--wrong", type=_rate, action="append", metavar="RATE", help="wanted wrong-hit rate, may be repeated (default 0.05)")
    made.add_argument("--seed", type=int, default=1, metavar="N", help="of every draw (default 1)")
    made.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return made


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate < 1:
        raise ValueError(text)
    return rate


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate. Exit code 2 with one line on standard error where a file or a setting is not right."""
    asked, others = parser().parse_known_args(arguments)
    try:
        settings = load_settings(others, os.environ)
        plan = Plan([read_pairs(path) for path in asked.files], asked.pairs, asked.joined, asked.wrong or [0.05], asked.seed)
        report = asyncio.run(_run(plan, settings))
    except (PairFileError, SettingError, StartupError) as error:
        say(f"mc-eval: {error}")
        return EXIT_REFUSED
    print(report.to_json() if asked.json else report.to_table())
    return 0


async def _run(plan: Plan, settings: Settings) -> Report:
    encoder = make_encoder(settings)
    try:
        scorer = cosine_scorer(encoder, workers=settings.embedder_workers or os.cpu_count() or 1)
        return await evaluate(plan, settings, scorer, embedder=encoder.name, say=say)
    finally:
        encoder.close()


if __name__ == "__main__":
    sys.exit(main())
