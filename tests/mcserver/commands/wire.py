"""Commands without TCP: words in, the bytes of the reply out, through the real table, dispatch and encoder."""

import socket
from pathlib import Path
from typing import Any

import hiredis

from embedding.onnx import OnnxEncoder
from mcserver.app import make_cache
from mcserver.commands import FAMILIES
from mcserver.context import Client, Context
from mcserver.settings import Settings
from mcserver.table import Table
from mcserver.telemetry.statistics import ServerStatistics
from tests.embedding.tiny_model import TinyModel
from tests.mcserver.parts import SilentLink, answered

Words = str | list[bytes]
STARTED = 1_700_000_000.0
RUN_ID = "ab" * 20


def split(words: Words) -> list[bytes]:
    return words.encode().split() if isinstance(words, str) else words


def decode(reply: bytes) -> object:
    """What a client makes of a reply."""
    reader = hiredis.Reader(encoding="utf-8", errors="surrogateescape")
    reader.feed(reply)
    return reader.gets()


class Wire:
    """A server's parts and one client of it. `now` is its clock, in seconds since the epoch."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        """`settings`: others than the defaults."""
        self.now = STARTED
        self.stopped = 0
        self.settings = Settings(dir=folder, bind=("127.0.0.1",), **{"port": 6380, "enable_debug_command": "yes", **settings})
        cache = make_cache(self.settings, OnnxEncoder(TinyModel(folder / "tiny").path, threads=1))
        cache.clock = lambda: self.now
        self.context = Context(
            settings=self.settings,
            cache=cache,
            commands=Table(FAMILIES),
            statistics=ServerStatistics(),
            shutdown=self._stop,
            started=STARTED,
            run_id=RUN_ID,
            loading=False,
        )
        self.client = self.connect()

    def connect(self, **changes: object) -> Client:
        """One more client, as the server admits it."""
        number = len(self.context.clients) + 1
        client = Client(
            id=number,
            address=f"127.0.0.1:{5000 + number}",
            local_address="127.0.0.1:6380",
            fd=10 + number,
            created=self.now,
            last_active=self.now,
            user=self.context.access.default,
            authenticated=self.context.access.default.open,
            link=SilentLink(),
        )
        for name, value in changes.items():
            setattr(client, name, value)
        self.context.clients[number] = client
        return client

    async def send(self, words: Words, client: Client | None = None) -> bytes:
        """The reply's bytes."""
        return await answered(self.context, client or self.client, split(words))

    async def ask(self, words: Words, client: Client | None = None) -> object:
        """The reply as a client decodes it; an error as hiredis.ReplyError."""
        return decode(await self.send(words, client))

    def _stop(self) -> None:
        self.stopped += 1


class Redis:
    """One connection to a real server."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def send(self, words: Words) -> bytes:
        """The reply's bytes."""
        command = split(words)
        self._socket.sendall(b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in command))
        reader, reply = hiredis.Reader(notEnoughData=Ellipsis), b""
        while reader.gets() is Ellipsis:
            chunk = self._socket.recv(1 << 20)
            reader.feed(chunk)
            reply += chunk
        return reply

    def close(self) -> None:
        self._socket.close()
