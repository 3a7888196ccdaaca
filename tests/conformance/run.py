"""One unit in one mode: a stage, a server where the mode wants one, the harness, and what came of it."""

import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.harness import Event, read_output, run_harness
from tests.conformance.skips import OUTSIDE, Skip
from tests.conformance.stage import Stage
from tests.conformance.units import Mode, Unit

LEFT_BY_HARNESS = "mode"
"""The class of what the harness leaves out by itself, for a tag of the test."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run, with the entries of the skip list that it was run with."""

    unit: str
    mode: Mode
    events: tuple[Event, ...]
    entries: tuple[Skip, ...]

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return sum(event.result == "ok" for event in self.events)

    @property
    def failed(self) -> list[Event]:
        """The tests that failed; also errors between tests that no entry excuses, and a harness that ran none."""
        failed = [event for event in self.events if event.result == "err" and self._excuse(event) is None]
        return failed if self.events else [Event("err", "", "the harness ran no test")]

    @property
    def skipped(self) -> Counter[str]:
        """How many tests were left out, by class."""
        ignored = sum(event.result == "ignore" for event in self.events)
        return Counter(self._entry(event).why for event in self.events if event.result == "skip") + Counter({LEFT_BY_HARNESS: ignored})

    @property
    def used(self) -> set[Skip]:
        """The entries that covered a test or excused an error."""
        excuses = (self._excuse(event) for event in self.events if event.result == "err")
        return {self._entry(event) for event in self.events if event.result == "skip"} | {entry for entry in excuses if entry}

    def _excuse(self, event: Event) -> Skip | None:
        return None if event.test else next((entry for entry in self.entries if entry.excuses(event.detail)), None)

    def _entry(self, event: Event) -> Skip:
        return next(entry for entry in self.entries if entry.covers(event.test))


def run_unit(unit: Unit, mode: Mode, *, skips: Iterable[Skip], source: Path, model: Path, folder: Path, ports: int) -> Outcome:
    """Run it in `folder`, which is made, and removed again unless a test failed. `ports` is the first of a range of its own."""
    skips = tuple(skips)
    stage = Stage(folder, source, model=model)
    (folder / "skip").write_text("".join(f"{skip.pattern}\n" for skip in skips if not skip.pattern.startswith(OUTSIDE)), encoding="utf-8")
    arguments = ["--single", unit.name, "--skipfile", "skip", "--clients", "1", "--portcount", "300", "--baseport", str(ports)]
    if mode is Mode.TLS:
        stage.make_certificates()
        output = run_harness([*arguments, "--tls"], folder=folder, seconds=unit.seconds)
    elif mode is Mode.EXTERNAL:
        with _server(stage) as port:
            output = run_harness([*arguments, "--host", "127.0.0.1", "--port", str(port)], folder=folder, seconds=unit.seconds)
    else:
        output = run_harness(arguments, folder=folder, seconds=unit.seconds)
    (folder / "output").write_text(output, encoding="utf-8")
    outcome = Outcome(unit.name, mode, events=tuple(read_output(output.splitlines())), entries=skips)
    if not outcome.failed:
        shutil.rmtree(folder)
    return outcome


@contextmanager
def _server(stage: Stage) -> Iterator[int]:
    """A server for the external mode, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = stage.path / "external"
    folder.mkdir()
    (folder / "redis.conf").write_text(f"bind 127.0.0.1\nport {port}\ndir {folder}\nenable-debug-command yes\n", encoding="utf-8")
    with subprocess.Popen([stage.server, folder / "redis.conf"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("Ready to accept"):
                    break
            yield port
        finally:
            process.terminate()
            process.communicate()
