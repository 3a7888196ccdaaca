"""How much a run does: counts per round, bounded, for a smoke run, a usual one and a full one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of every section; what is waited for is given up after `patience` seconds.

    `exact`, `reworded` and `writes` are requests per round, `calibration` texts find the bare runtime's best batches, `stored`, `restart`,
    `search` and `memory` are entries.
    """

    name: str
    rounds: int
    exact: dict[int, int]  # pipeline depth -> requests per round
    stored: int
    calibration: int
    reworded: dict[int, int]  # clients -> requests per round
    writes: int
    restart: int
    search: tuple[int, ...]
    searches: int
    memory: int
    patience: float = 300.0


QUICK = Plan("quick", 2, {1: 4_000, 16: 20_000}, 60, 32, {1: 10, 8: 32, 64: 96}, 96, 2_000, (12_000,), 200, 2_000)
USUAL = Plan("usual", 5, {1: 50_000, 16: 300_000}, 800, 128, {1: 40, 8: 160, 64: 512}, 512, 100_000, (100_000,), 3_000, 50_000)
FULL = Plan("full", 7, {1: 100_000, 16: 500_000}, 1_200, 192, {1: 60, 8: 240, 64: 768}, 512, 100_000, (100_000, 1_000_000), 5_000, 100_000)
