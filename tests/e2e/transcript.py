"""The sessions that the documentation shows, run again.

A block marked `console` has programs behind `$ ` and, behind a prompt, what is typed into redis-cli; without a program it is redis-cli.
Numbers may be others in a block marked `console varying`. A program that watches (MONITOR, SUBSCRIBE) runs beside the next one, which
makes it print what is shown.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tests.e2e.programs import run, running

__all__ = ["Program", "run_page"]

_BLOCK = re.compile(r"^```console( varying)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PROMPT = re.compile(r"127\.0\.0\.1:6380(?:\(TX\))?> (.*)")
_WATCHES = re.compile(r"redis-cli .*\b(MONITOR|P?SUBSCRIBE .*)$")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_ANSWERED = ("OK", "(integer) 1")
"""The end of what a watching program prints at once."""


@dataclass(slots=True)
class Program:
    """A command line, what is typed into it, and what it prints. varying: numbers may be others the next time."""

    command: str
    varying: bool
    typed: list[str] = field(default_factory=list)
    printed: str = ""

    @property
    def watches(self) -> bool:
        """Whether it goes on until it is ended."""
        return _WATCHES.search(self.command) is not None

    def steady(self, output: str) -> str:
        """What of its output must be the same every time."""
        text = "\n".join(line.rstrip() for line in output.rstrip().split("\n"))
        return _NUMBER.sub("0", text) if self.varying else text


def programs(page: str) -> Iterator[Program]:
    """The programs of a page, in its order."""
    for varying, block in _BLOCK.findall(page):
        program = None
        for line in block.splitlines(keepends=True):
            typed = _PROMPT.match(line)
            if line.startswith("$ "):
                if program is not None:
                    yield program
                program = Program(line[2:].rstrip("\n"), bool(varying))
            elif program is None:
                program = Program("redis-cli -p 6380", bool(varying))
            if line.startswith("> ") and program.command.endswith("\\"):
                program.command += "\n" + line[2:].rstrip("\n")
            elif typed is not None:
                program.typed.append(typed[1])
            elif not line.startswith("$ "):
                program.printed += line
        if program is not None:
            yield program


def run_page(page: str, folder: Path, places: Mapping[str, str]) -> Iterator[tuple[Program, str]]:
    """Run the programs of a page in this folder; each with what it printed. `places`: what stands for ports and paths of the page."""
    watching: list[tuple[Program, subprocess.Popen[str], str]] = []
    with ExitStack() as beside:
        for program in programs(page):
            command = _settle(program.command, places)
            if program.watches:
                process = beside.enter_context(running("sh", "-c", f"exec env {command}", cwd=folder))
                watching.append((program, process, _read_answer(process)))
                continue
            typed = "".join(f"{_settle(line, places)}\n" for line in program.typed)
            done = run("sh", "-c", f"{{ {command}; }} 2>&1", input=typed, cwd=folder)
            yield program, done.stdout
            for watcher, process, answer in watching:
                left = watcher.printed.count("\n") - answer.count("\n")
                yield watcher, answer + "".join(islice(process.stdout, left))
            watching.clear()


def _settle(line: str, places: Mapping[str, str]) -> str:
    for name, place in places.items():
        line = line.replace(name, place)
    # What it does by itself where its output is a terminal.
    return re.sub(r"\bredis-cli\b", "redis-cli --no-raw --show-pushes yes", line)


def _read_answer(process: subprocess.Popen[str]) -> str:
    """Read until what it watches for will be sent to it."""
    answer = ""
    while not answer.rstrip("\n").endswith(_ANSWERED):
        line = process.stdout.readline()
        assert line, answer
        answer += line
    return answer
