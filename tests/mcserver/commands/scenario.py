"""Several connections to one server, over TCP: what is said on which, and every byte that comes back on it.

Steps are `(connection, words, replies)`: words are sent where there are any, then that many replies or messages are read. `WRITE key`
stands for a command that writes the key, which is a model or a string. `{b}` stands for the id of connection b.
"""

import asyncio
import re
from collections.abc import Sequence

import hiredis

from tests.mcserver.parts import pack

Step = tuple[str, str | list[bytes], int]

WRITES = {"redis": "SET {} value", "mcserver": "MC.SET {} question value"}


class Line:
    """One connection. `said` is what the server has said on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._replies = hiredis.Reader(notEnoughData=Ellipsis)
        self.said = b""
        self.id = 0

    async def begin(self, protocol: int) -> None:
        self.send([b"CLIENT", b"ID"])
        number = await self.read(1)
        assert isinstance(number, int)
        self.id = number
        self.send([b"HELLO", b"%d" % protocol])
        await self.read(1)
        self.said = b""

    def send(self, words: list[bytes]) -> None:
        self.writer.write(pack(*words))

    async def read(self, replies: int) -> object:
        """Read so many replies; the last one."""
        reply: object = None
        for _ in range(replies):
            while (reply := self._replies.gets()) is Ellipsis:
                data = await asyncio.wait_for(self._reader.read(65536), 5)
                assert data, f"the server closed after {self.said!r}"
                self.said += data
                self._replies.feed(data)
        return reply

    async def end(self) -> None:
        """QUIT, and read until the server closes."""
        self.send([b"QUIT"])
        self.said += await asyncio.wait_for(self._reader.read(), 5)


async def play(port: int, steps: Sequence[Step], *, protocols: dict[str, int], server: str) -> dict[str, bytes]:
    """Play the steps to a server; what it said on each connection. Where a client is redirected to, its name stands for its id."""
    lines = {name: Line(*await asyncio.open_connection("127.0.0.1", port)) for name in protocols}
    try:
        for name, protocol in protocols.items():
            await lines[name].begin(protocol)
        ids = {name: line.id for name, line in lines.items()}
        for name, words, replies in steps:
            if words:
                lines[name].send(_words(words, ids, server))
            await lines[name].read(replies)
        for line in lines.values():
            await line.end()
        return {name: _named(line.said, ids) for name, line in lines.items()}
    finally:
        for line in lines.values():
            line.writer.transport.abort()


def _words(words: str | list[bytes], ids: dict[str, int], server: str) -> list[bytes]:
    if isinstance(words, list):
        return words
    command, _, key = words.partition(" ")
    return (WRITES[server].format(key) if command == "WRITE" else words.format(**ids)).encode().split()


def _named(said: bytes, ids: dict[str, int]) -> bytes:
    names = {number: name.encode() for name, number in ids.items()}
    return re.sub(rb"(redirect|broken)\r\n:([1-9]\d*)", lambda found: b"%b\r\n:{%b}" % (found[1], names[int(found[2])]), said)
