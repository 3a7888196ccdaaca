"""What the operating system says of this process: memory and processor time."""

import ctypes
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ProcessorTime", "peak_bytes", "processor_time", "resident_bytes", "return_large_blocks", "system_bytes"]

_STATM = Path("/proc/self/statm")
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes per unit of ru_maxrss."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
"""glibc: malloc.h."""

_LARGE_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """Seconds of processor time."""

    system: float
    user: float


def resident_bytes() -> int:
    """Memory of the process in RAM. Where the system does not tell (no /proc), its peak."""
    try:
        pages = int(_STATM.read_bytes().split()[1])
    except OSError:
        return peak_bytes()
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_bytes() -> int:
    """The most memory that the process ever had in RAM."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT


def system_bytes() -> int:
    """RAM of the machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def processor_time(who: int = resource.RUSAGE_SELF) -> ProcessorTime:
    """Of the process, its ended children (RUSAGE_CHILDREN) or the calling thread (RUSAGE_THREAD, on Linux)."""
    usage = resource.getrusage(who)
    return ProcessorTime(system=usage.ru_stime, user=usage.ru_utime)


def return_large_blocks() -> bool:
    """Make the C library give blocks of 1 MiB and more back to the system when they are freed; whether it can.

    glibc raises that size by itself, up to 32 MiB, with every such block freed; then the arrays that a growing index outgrows stay with the
    process: 2.5 kB of memory per entry instead of 1.4 (mc-bench memory).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)) and bool(mallopt(_M_TRIM_THRESHOLD, _LARGE_BLOCK))
