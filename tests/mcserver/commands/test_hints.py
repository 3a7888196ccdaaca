"""redis-cli on a terminal: it reads COMMAND DOCS and shows the arguments of a command while it is typed."""

import asyncio
import fcntl
import os
import pty
import shutil
import struct
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

SECONDS = 20
COLUMNS = 250


class Terminal:
    """A redis-cli that believes a person is typing."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._seen = b""
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    def type(self, text: str) -> None:
        self._seen = b""
        os.write(self._master, text.encode())

    async def wait_for(self, text: str) -> None:
        """Until this is shown; a failure tells what was shown instead."""
        try:
            async with asyncio.timeout(SECONDS):
                while text.encode() not in self._seen:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            pytest.fail(f"never shown: {text}\nshown: {self._seen.decode(errors='replace')}")

    def _read(self) -> None:
        try:
            self._seen += os.read(self._master, 65536)
        except OSError:  # the other side is closed
            asyncio.get_running_loop().remove_reader(self._master)
        self._more.set()


@pytest.fixture
async def terminal(port: int, tmp_path: Path) -> AsyncIterator[Terminal]:
    program = shutil.which("redis-cli")
    if program is None:
        pytest.skip("redis-cli is not installed")
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    environment = {"TERM": "xterm", "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    client = await asyncio.create_subprocess_exec(program, "-p", str(port), stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    terminal = Terminal(master)
    await terminal.wait_for(f"127.0.0.1:{port}> ")
    yield terminal
    asyncio.get_running_loop().remove_reader(master)
    client.terminate()
    await client.wait()
    os.close(master)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("mc.get ", "model query [SYSTEM text] [PARAMS json] [TAGS n tag [tag ...]] [THRESHOLD threshold] [EXACT]"),
        ("MC.MSET m ", "n query answer [query answer ...] [SYSTEM text]"),
        ("MC.SET m q a ", "[SYSTEM text] [PARAMS json] [EX seconds|PX milliseconds|EXAT unix-time-seconds|"),
        ("MC.DEL m ", "id [id ...]|QUERY query [SYSTEM text] [PARAMS json]"),
        ("mc.config set ", "model name value [name value ...]"),
        ("MC.CREATE m ", "[setting value [setting value ...]]"),
    ],
)
async def test_hints(typed: str, hint: str, terminal: Terminal):
    terminal.type(typed)
    await terminal.wait_for(hint)


async def test_help(terminal: Terminal):
    terminal.type("help MC.TTL\r")
    await terminal.wait_for("Tells how many seconds an entry has left.")
