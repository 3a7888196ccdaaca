"""Resident memory per entry, with the exact tier and the cache of embeddings switched off."""

from mcserver.bench.client import Client, load
from mcserver.bench.machine import has_proc, resident_bytes
from mcserver.bench.processes import Program
from mcserver.bench.report import Budget, Findings, compare
from mcserver.bench.restart import synthetic_sets
from mcserver.bench.run import MODEL, Run, dimension
from mcserver.bench.texts import Texts

SECTION = "memory"
OVERHEAD = 200  # bytes per entry that the budget allows beside its vector
OPTIONS = ("--exact-memory", "0", "--embed-cache-size", "0")


def measure(run: Run) -> Findings:
    """Growth of the server's resident memory by its entries, while they are written and after a restart."""
    if not has_proc():
        return Findings(skipped=("memory: resident memory is read from /proc, which only Linux has",))
    entries = run.plan.memory
    with run.server("memory", *OPTIONS) as server:
        length = dimension(server.port)
        fresh = _settled(server)
        run.step(f"memory: storing {entries} entries")
        load(server.port, synthetic_sets(entries, length), clients=32, depth=8, patience=run.plan.patience)
        grown = _settled(server)
        server.stop(patience=run.plan.patience)
        server.start()
        restarted = _settled(server)
    budget = length * 4 + OVERHEAD
    against = f"vector + {OVERHEAD} bytes"
    rows = [
        compare(
            SECTION,
            f"bytes per entry, {entries:,} {name}",
            unit="B",
            measured=[(after - fresh) / entries],
            compared=[budget],
            against=against,
            budget=Budget(1, ceiling=True),
            note=f"resident {fresh / 2**20:.0f} MiB empty, {after / 2**20:.0f} MiB with them",
        )
        for name, after in (("written", grown), ("after a restart", restarted))
    ]
    return Findings(tuple(rows))


def _settled(server: Program) -> int:
    """Resident memory after the model has run on batches of every usual size, whose buffers it keeps."""
    wordings = Texts(64).reworded(64)
    load(server.port, [("MC.GET", MODEL, text, "NOLOG") for text in wordings], clients=64)
    with Client(server.port) as client:
        client.call("PING")
    return resident_bytes(server.pid)
