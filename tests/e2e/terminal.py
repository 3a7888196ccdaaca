"""A program in a terminal of its own, as when a person types."""

import os
import pty
import re
import subprocess
import termios
from types import TracebackType
from typing import Self

_MOVEMENTS = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]|\r")


class Terminal:
    """A program whose input and output are a terminal of 200 columns. Ended with the block."""

    def __init__(self, *command: object) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 200))
        environment = {**os.environ, "TERM": "xterm", "HOME": "/nonexistent"}
        words = [str(word) for word in command]
        self.process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True)
        os.close(slave)

    def press(self, keys: str) -> None:
        """Press these keys. What is pressed before the prompt is there is lost, as redis-cli empties its input then."""
        os.write(self._master, keys.encode())

    def wait_for(self, wanted: str) -> str:
        """Read until `wanted` is on the screen; what came until then, without colours and movements."""
        screen = b""
        while wanted.encode() not in (shown := _MOVEMENTS.sub(b"", screen)):
            try:
                screen += os.read(self._master, 4096)
            except OSError:
                raise AssertionError(f"ended without {wanted!r}:\n{screen.decode(errors='replace')}") from None
        return shown.decode(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
