"""What every section is given: sizes, places and how to start a server."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mcserver.bench.client import Client
from mcserver.bench.plan import Plan
from mcserver.bench.processes import Program, cache_server
from mcserver.bench.runtime import RuntimeProcess

MODEL = "bench"
"""The model (tenant) that the sections use."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: `folder` is thrown away at the end, `model` holds the ONNX model of server and bare runtime alike, `step` tells progress."""

    plan: Plan
    folder: Path
    model: Path
    threads: int
    step: Callable[[str], None]

    def server(self, name: str, *options: str, launcher: Iterable[str] = ("-m", "mcserver")) -> Program:
        """A server with the run's model and threads and a data folder of its own, not yet started."""
        shared = ("--embedder", f"onnx:{self.model}", "--embedder-workers", str(self.threads), "--loglevel", "warning")
        return cache_server(self.folder / name, [*shared, *options], launcher=tuple(launcher))

    def runtime(self) -> RuntimeProcess:
        """The bare runtime on the same model and threads, not yet started."""
        return RuntimeProcess(self.model, self.threads)

    def rounds(self, what: str) -> Iterable[int]:
        """The numbers of the rounds, each told as progress."""
        for number in range(self.plan.rounds):
            self.step(f"{what}, round {number + 1} of {self.plan.rounds}")
            yield number


def dimension(port: int) -> int:
    """Length of the server's vectors."""
    with Client(port) as client:
        blobs = client.call("MC.EMBED", MODEL, "How long is a vector?")
        return len(blobs[0]) // 4
