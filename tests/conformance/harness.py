"""One unit of Redis' test suite, run by its harness: what is started, and what its output says."""

import os
import re
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Result = Literal["ok", "skip", "ignore", "err"]

_EVENT = re.compile(r"^\[(ok|skip|ignore|err|exception|TIMEOUT)\]: (.*)$")
_ELAPSED = re.compile(r" \(\d+ ms\)$")
_FAILED = re.compile(r"^(.*) in tests/\S+\.tcl$")
_NOISE = re.compile(r"^(\[\d+/\d+ done\]|\[testing\]|\[ready\]|Testing solo test|Waiting for process|Cleanup:|\s+The End)")


@dataclass(frozen=True, slots=True)
class Event:
    """A test that ended, or a part of a unit that was left: `test` is empty where the harness names none.

    `detail` is the reason of an `ignore`, and the message of an `err`.
    """

    result: Result
    test: str
    detail: str = ""


def run_harness(arguments: Sequence[str], *, folder: Path, seconds: int) -> str:
    """The output of the harness in `folder`; cut off, with all servers it has started, after `seconds`."""
    environment = os.environ | {"TERM": "dumb", "LC_ALL": "C.UTF-8"}
    command = ["tclsh", "tests/test_helper.tcl", "--durable", "--dont-clean", "--singledb", "--timeout", str(seconds // 2), *arguments]
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            output = process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            _end(process.pid)
            output = process.communicate()[0] + f"\n[exception]: not finished within {seconds} seconds\n".encode()
        finally:
            _end(process.pid)
    return output.decode(errors="replace")


def _end(group: int) -> None:
    """End the harness and the servers it has started: they are one process group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def read_output(lines: Iterable[str]) -> Iterator[Event]:
    """The events in the harness' output, which is one test after the other."""
    failure: list[str] = []
    for line in lines:
        event = _EVENT.match(line)
        if failure and (event or _NOISE.match(line)):
            yield _failed(failure)
            failure = []
        if event is None:
            if failure:
                failure.append(line)
            continue
        word, text = event.groups()
        match word:
            case "ok":
                yield Event("ok", _ELAPSED.sub("", text))
            case "skip":
                yield Event("skip", text)
            case "ignore":
                name, colon, reason = text.rpartition(": ")
                # A part of a unit is left for a tag as a whole, in one line without a name.
                yield Event("ignore", name, reason) if colon and name != "Tag" else Event("ignore", "", text)
            case _:
                failure = [text]
    if failure:
        yield _failed(failure)


def _failed(lines: Sequence[str]) -> Event:
    named = _FAILED.match(lines[0])
    if named:
        return Event("err", named[1], "\n".join(lines[1:]))
    return Event("err", "", "\n".join(lines))
