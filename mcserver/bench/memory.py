"""Resident memory per entry, with the exact tier and the cache of embeddings switched off."""

from collections.abc import Sequence

from mcserver.bench.client import load
from mcserver.bench.machine import has_proc, resident_bytes
from mcserver.bench.processes import Program
from mcserver.bench.report import Budget, Findings, Row, compare
from mcserver.bench.restart import synthetic_sets
from mcserver.bench.run import MODEL, Run, dimension
from mcserver.bench.texts import Texts

SECTION = "memory"
OVERHEAD = 200  # bytes per entry that the budget allows beside its vector
OPTIONS = ("--exact-memory", "0", "--embed-cache-size", "0")
FIRST_SHARE = 10  # the growth is taken from a tenth of the entries on: by then what a server needs once is there


def measure(run: Run) -> Findings:
    """Growth of the server's resident memory by its entries, as they were written and after a restart."""
    if not has_proc():
        return Findings(skipped=("memory: resident memory is read from /proc, which only Linux has",))
    with run.server("memory", *OPTIONS) as server:
        length = dimension(server.port)
        requests = synthetic_sets(run.plan.memory, length)
        few = len(requests) // FIRST_SHARE
        before = _store(run, server, requests[:few])
        after = _store(run, server, requests[few:])
    names = ("as written", "after a restart")
    return Findings(
        tuple(_row(name, few, len(requests), sizes, length) for name, sizes in zip(names, zip(before, after, strict=True), strict=True))
    )


def _store(run: Run, server: Program, requests: Sequence[Sequence[str | bytes]]) -> tuple[int, int]:
    """Resident bytes with these entries as well: as they were written, and after a restart."""
    run.step(f"memory: storing {len(requests)} entries")
    load(server.port, requests, clients=32, depth=8, patience=run.plan.patience)
    written = _settled(run, server)
    server.stop(patience=run.plan.patience)
    server.start()
    return written, _settled(run, server)


def _settled(run: Run, server: Program) -> int:
    """Resident memory when the index is built and the model has run on batches of usual sizes, whose buffers it keeps."""
    load(server.port, [("MC.GET", MODEL, text, "NOLOG") for text in Texts(64).reworded(64)], clients=64, patience=run.plan.patience)
    server.await_idle(run.plan.patience)
    return resident_bytes(server.pid)


def _row(name: str, few: int, all_: int, sizes: tuple[int, int], length: int) -> Row:
    before, after = sizes
    return compare(
        SECTION,
        f"bytes per entry, from {few:,} to {all_:,}, {name}",
        unit="B",
        measured=[(after - before) / (all_ - few)],
        compared=[length * 4 + OVERHEAD],
        against=f"vector + {OVERHEAD} bytes",
        budget=Budget(1, ceiling=True),
        note=f"resident {before / 2**20:.0f} MiB, then {after / 2**20:.0f} MiB",
    )
