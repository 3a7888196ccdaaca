"""Telling a person at the terminal how far a run is; on standard error, so that the table alone is on standard output."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from time import monotonic


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """A function that shows what is being done now: a live line with rich at a terminal, else a line for each step."""
    if sys.stderr.isatty() and find_spec("rich"):
        from rich.console import Console  # noqa: PLC0415 - an extra, wanted here only

        with Console(stderr=True).status("starting") as status:
            yield status.update
    else:
        started = monotonic()
        yield lambda what: print(f"{monotonic() - started:6.1f} s  {what}", file=sys.stderr, flush=True)
