"""What a run was measured on."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("onnxruntime", "tokenizers", "faiss-cpu", "hiredis", "numpy", "uvloop")

Load = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor, load averages (1, 5, 15 minutes) before and after the run, versions of what took part."""

    cpu: str
    cores: int
    load_before: Load
    load_after: Load
    system: str
    versions: Mapping[str, str]

    def __str__(self) -> str:
        loads = "before {}, after {}".format(*(" ".join(f"{x:.2f}" for x in load) for load in (self.load_before, self.load_after)))
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"machine: {self.cpu}, {self.cores} cores, {self.system}\nload average: {loads}\nversions: {versions}"


def inspect(load_before: Load) -> Machine:
    """Look at this machine at the end of a run that began under `load_before`."""
    return Machine(cpu_model(), os.cpu_count() or 1, load_before, os.getloadavg(), platform.platform(), versions())


def cpu_model() -> str:
    """The processor's name as Linux tells it, else what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def versions() -> dict[str, str]:
    """Versions of Python, the libraries that matter here and redis-server, each only where installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    redis = _redis_version()
    return found | ({"redis-server": redis} if redis else {})


def _redis_version() -> str:
    program = shutil.which("redis-server")
    if program is None:
        return ""
    words = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()  # noqa: S603
    return next((word.removeprefix("v=") for word in words if word.startswith("v=")), "")


def resident_bytes(pid: int) -> int:
    """Resident memory of a process. Raises OSError where there is no /proc, or no such process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"/proc/{pid}/status has no VmRSS line: the process {pid} has ended")


def processor_seconds(pid: int) -> float:
    """Processor time a process has used, all its threads together, in steps of 10 ms. Raises OSError as `resident_bytes`."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def has_proc() -> bool:
    """Whether `resident_bytes` and `processor_seconds` work here."""
    return sys.platform == "linux"
