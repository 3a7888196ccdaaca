"""What the operating system says of this process: memory and processor time."""

import ctypes
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "ProcessorTime",
    "allocator_report",
    "peak_bytes",
    "processor_time",
    "release_free_memory",
    "resident_bytes",
    "return_large_blocks",
    "system_bytes",
]

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


class _MallocInfo(ctypes.Structure):
    """glibc: struct mallinfo2, malloc.h."""

    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]


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


def release_free_memory() -> bool:
    """Make the C library give what it holds free back to the system; whether it can. Blocking, without the interpreter's lock.

    Python's garbage collector is left alone: a walk through every object would stop all clients, and there is little for it to find.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return False
    trim(0)
    return True


def allocator_report() -> str:
    """What the allocators hold, in lines for people: Python's objects, and the C library's blocks where it tells (glibc 2.33)."""
    lines = [f"python blocks: {sys.getallocatedblocks()}"]
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is not None:
        mallinfo.restype = _MallocInfo
        found = mallinfo()
        lines += [
            f"malloc arenas: {found.arena} bytes, of which in use: {found.uordblks}, free: {found.fordblks}",
            f"malloc mapped blocks: {found.hblks}, together {found.hblkhd} bytes",
            f"malloc could give back at once: {found.keepcost} bytes",
        ]
    resident = resident_bytes()
    peak = max(peak_bytes(), resident)  # the system updates the peak a little later
    return "".join(f"{line}\n" for line in [*lines, f"resident: {resident} bytes, at most so far: {peak}"])


def raise_open_files(wanted: int) -> int:
    """Let the process have so many files and sockets open, as far as the system allows; how many it may have now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft


def return_large_blocks() -> bool:
    """Make the C library give blocks of 1 MiB and more back to the system when they are freed; whether it can.

    glibc raises that size by itself, up to 32 MiB, with every such block freed; then the arrays that a growing index outgrows stay with the
    process: 2.5 kB of memory per entry instead of 1.4 (mc-bench memory).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)) and bool(mallopt(_M_TRIM_THRESHOLD, _LARGE_BLOCK))
