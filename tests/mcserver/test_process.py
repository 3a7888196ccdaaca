"""What the operating system says of this process."""

import mmap
import resource
from pathlib import Path

from mcserver import process


def test_memory_that_is_used_shows():
    before = process.resident_bytes()
    with mmap.mmap(-1, 64 << 20) as used:  # pages of its own: a heap may have as much to spare
        for page in range(0, len(used), mmap.PAGESIZE):
            used[page] = 1
        assert process.resident_bytes() >= before + (len(used) >> 1)
        assert process.peak_bytes() >= len(used)
    assert process.system_bytes() > process.peak_bytes()


def test_large_blocks_are_returned_where_the_c_library_can(monkeypatch):
    assert process.return_large_blocks() == hasattr(process.ctypes.CDLL(None), "mallopt")
    monkeypatch.setattr(process.ctypes, "CDLL", lambda _: object())
    assert not process.return_large_blocks()


def test_free_memory_is_given_back_where_the_c_library_can(monkeypatch):
    assert process.release_free_memory() == hasattr(process.ctypes.CDLL(None), "malloc_trim")
    monkeypatch.setattr(process.ctypes, "CDLL", lambda _: object())
    assert not process.release_free_memory()


def test_allocators_tell_what_they_hold(monkeypatch):
    report = dict(line.split(": ", 1) for line in process.allocator_report().splitlines())
    assert int(report["python blocks"]) > 10_000
    if hasattr(process.ctypes.CDLL(None), "mallinfo2"):
        arenas = [int(word) for word in report["malloc arenas"].replace(",", " ").split() if word.isdecimal()]
        assert arenas[0] == arenas[1] + arenas[2]
    monkeypatch.setattr(process.ctypes, "CDLL", lambda _: object())
    assert [line.split(":")[0] for line in process.allocator_report().splitlines()] == ["python blocks", "resident"]


def test_without_proc_the_peak_is_told(monkeypatch):
    monkeypatch.setattr(process, "_STATM", Path("/nonexistent"))
    assert process.resident_bytes() == process.peak_bytes()


def test_processor_time_goes_on():
    before = process.processor_time()
    assert sum(number * number for number in range(300_000))
    after = process.processor_time()
    assert after.user + after.system > before.user + before.system
    children = process.processor_time(resource.RUSAGE_CHILDREN)
    assert children.user >= 0 <= children.system


def test_as_many_open_files_as_are_wanted_and_allowed(monkeypatch):
    limits = {"soft": 1024, "hard": 4096}
    monkeypatch.setattr(process.resource, "getrlimit", lambda _: (limits["soft"], limits["hard"]))
    monkeypatch.setattr(process.resource, "setrlimit", lambda _, pair: limits.update(soft=pair[0], hard=pair[1]))
    assert process.raise_open_files(1000) == 1024
    assert process.raise_open_files(2000) == 2000
    assert process.raise_open_files(9000) == 4096
    assert limits == {"soft": 4096, "hard": 4096}
    limits["hard"] = resource.RLIM_INFINITY
    assert process.raise_open_files(9000) == 9000
    limits["soft"] = resource.RLIM_INFINITY
    assert process.raise_open_files(10_000) == 10_000
