"""What the output of Redis' harness says, and what becomes of a harness that does not end."""

import os
import time

import pytest

from tests.conformance.harness import Event, read_output, run_harness

OUTPUT = """\
Cleanup: may take some time... OK
Starting test server at port 21079
[ready]: 15927
Testing unit/protocol
[ok]: Handle an empty query (7 ms)
[skip]: raw protocol response
[ignore]: SWAPDB is able to touch the watched keys: Not supported on singledb
[ignore]: Not supported on external server
[ignore]: Tag: needs:debug denied
[err]: Unbalanced number of quotes in tests/unit/protocol.tcl
Expected 'a
b' to be equal to 'c'
Waiting for process 17 to exit...
[ok]: A name (with brackets) (0 ms)
[err]: outside a test: ERR unknown command 'set'
    while executing
[1/1 done]: unit/protocol (6 seconds)

                   The End
*** [err]: Unbalanced number of quotes in tests/unit/protocol.tcl
Expected 'a
"""


def test_events():
    assert list(read_output(OUTPUT.splitlines())) == [
        Event("ok", "Handle an empty query"),
        Event("skip", "raw protocol response"),
        Event("ignore", "SWAPDB is able to touch the watched keys", "Not supported on singledb"),
        Event("ignore", "", "Not supported on external server"),
        Event("ignore", "", "Tag: needs:debug denied"),
        Event("err", "Unbalanced number of quotes", "Expected 'a\nb' to be equal to 'c'"),
        Event("ok", "A name (with brackets)"),
        Event("err", "", "outside a test: ERR unknown command 'set'\n    while executing"),
    ]


@pytest.mark.parametrize("line", ["[exception]: Executing test client: no such key", "[TIMEOUT]: clients state report follows."])
def test_an_end_before_time_is_a_failure(line):
    assert list(read_output([line, "details"])) == [Event("err", "", f"{line.partition(': ')[2]}\ndetails")]


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program in the place of tclsh."""

    def write(text):
        path = tmp_path / "tclsh"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return tmp_path

    return write


def test_what_is_started(program):
    folder = program('echo "$@" in $PWD')
    assert run_harness(["--single", "unit/quit"], folder=folder, seconds=60) == (
        f"tests/test_helper.tcl --durable --dont-clean --singledb --timeout 30 --single unit/quit in {folder}\n"
    )


def test_a_harness_without_end_is_cut_off_with_what_it_has_started(program):
    folder = program("echo '[ok]: first (1 ms)'; sleep 1000 & echo $! >child; wait")
    output = run_harness([], folder=folder, seconds=1)
    assert [*read_output(output.splitlines())] == [Event("ok", "first"), Event("err", "", "not finished within 1 seconds")]
    child = int((folder / "child").read_text())
    for _ in range(1000):
        if not alive(child):
            break
        time.sleep(0.01)  # the system takes a moment to bury it
    else:
        pytest.fail("the child lives on")


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
