"""One unit in one mode: a stage, a server where the mode wants one, the harness, and what came of it."""

import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.harness import Event, read_output, run_harness
from tests.conformance.skips import Kind, Skip
from tests.conformance.stage import Stage
from tests.conformance.units import Mode, Unit

PORTS = 250
"""That one run may use: the harness looks for free ones from the first on. All runs together stay below the ports that systems give out."""

POLL_SECONDS = 0.05
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
        """What failed without an entry for it; a harness that ran no test counts as such."""
        failed = [event for event in self.events if event.result == "err" and self._entry(event) is None]
        return failed if self.events else [Event("err", "", "the harness ran no test")]

    @property
    def skipped(self) -> Counter[str]:
        """How many tests were left out or run in vain, by class."""
        counted = Counter(entry.why for event, entry in self._covered() if event.test)
        return counted + Counter({LEFT_BY_HARNESS: sum(event.result == "ignore" for event in self.events)})

    @property
    def used(self) -> set[Skip]:
        """The entries that were needed."""
        return {entry for _, entry in self._covered()}

    def _covered(self) -> Iterator[tuple[Event, Skip]]:
        for event in self.events:
            entry = self._entry(event) if event.result in {"skip", "err"} else None
            if entry:
                yield event, entry

    def _entry(self, event: Event) -> Skip | None:
        left_out = event.result == "skip"
        fitting = (entry for entry in self.entries if (entry.kind is Kind.SKIP) == left_out)
        return next((entry for entry in fitting if entry.covers(event.test, event.detail)), None)


def run_unit(unit: Unit, mode: Mode, *, skips: Iterable[Skip], source: Path, model: Path, folder: Path, ports: int) -> Outcome:
    """Run it in `folder`, which is made, and removed again unless a test failed. `ports` is the first of a range of its own."""
    skips = tuple(skips)
    stage = Stage(folder, source, model=model)
    (folder / "skip").write_text("".join(f"{skip.pattern}\n" for skip in skips if skip.kind is Kind.SKIP), encoding="utf-8")
    arguments = ["--single", unit.name, "--skipfile", "skip", "--clients", "1", "--portcount", str(PORTS), "--baseport", str(ports)]
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
    """A server for the external mode, on a free port; ready, or ended."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = stage.path / "tests" / "tmp" / "server.external"
    folder.mkdir()
    conf, log = stage.path / "external.conf", folder / "stdout"
    conf.write_text(f"bind 127.0.0.1\nport {port}\ndir {folder}\nenable-debug-command yes\n", encoding="utf-8")
    with log.open("w") as output, subprocess.Popen([stage.server, conf], stdin=subprocess.DEVNULL, stdout=output) as process:
        try:
            while process.poll() is None and "Ready to accept" not in log.read_text(encoding="utf-8"):
                time.sleep(POLL_SECONDS)
            yield port
        finally:
            process.terminate()
