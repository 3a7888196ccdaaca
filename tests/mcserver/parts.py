"""A server's parts with real stores and an embedder under the test's control, with or without TCP."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import hiredis
import numpy as np

from embedding.seam import Vectors
from mcserver.cache import SemanticCache
from mcserver.commands import FAMILIES
from mcserver.context import Buffers, Client, Context
from mcserver.dispatch import execute, resolve, wire_error
from mcserver.network.listener import Listener
from mcserver.network.server import Server
from mcserver.settings import Settings
from mcserver.table import Job, Table
from mcserver.telemetry.statistics import ServerStatistics
from protocol.reply import encode
from storage.errors import StoreUnavailable
from storage.faiss import FaissIndex
from storage.records import Entry
from storage.sqlite import SqliteStore

DIMENSION = 64
STARTED = 1_700_000_000.0

Word = str | bytes | int | float


THRESHOLDS = {"threshold": 0.93, "threshold_long": 0.93, "threshold_context": 0.9}
"""What the tests of decisions count on, whatever the defaults are."""


class Clock:
    """Seconds since the epoch; goes forward when told to."""

    def __init__(self) -> None:
        self.seconds = STARTED

    def __call__(self) -> float:
        return self.seconds

    @property
    def milliseconds(self) -> int:
        return int(self.seconds * 1000)


class Held:
    """A batch that waits for the test."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)
        self._outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def release(self) -> None:
        self._outcome.set_result(None)

    def fail(self, error: Exception) -> None:
        self._outcome.set_exception(error)

    async def wait(self) -> None:
        await self._outcome


class TableEmbedder:
    """Every text is its own axis, unless `relate` brought it near another one. `hold` lets batches wait for the test."""

    name = "table"
    dimension = DIMENSION

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.failure: Exception | None = None
        self.holding = False
        self.closed = False
        self._vectors: dict[str, Vectors] = {}
        self._axes = 0
        self._held: asyncio.Queue[Held] = asyncio.Queue()

    def relate(self, text: str, other: str, cosine: float) -> None:
        """Let `other` have this similarity to `text`, and none to anything else."""
        self._vectors[other] = (cosine * self.vector(text) + np.sqrt(1 - cosine**2) * self._axis()).astype(np.float32)

    def vector(self, text: str) -> Vectors:
        if text not in self._vectors:
            self._vectors[text] = self._axis()
        return self._vectors[text]

    async def held(self) -> Held:
        """The next batch that waits."""
        return await asyncio.wait_for(self._held.get(), 30)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        if self.holding:
            held = Held(texts)
            self._held.put_nowait(held)
            await held.wait()
        if self.failure:
            raise self.failure
        return np.stack([self.vector(text) for text in texts])

    async def close(self) -> None:
        self.closed = True

    def _axis(self) -> Vectors:
        axis = np.zeros(DIMENSION, np.float32)
        axis[self._axes] = 1
        self._axes += 1
        return axis


class Store(SqliteStore):
    """The real store, which can be down, fail to commit, wait before a commit, or hold back the rows it has read."""

    down = False
    commit_fails = False
    down_after_commit = False

    def __init__(self, path: str) -> None:
        super().__init__(path, durability="everysec")
        self.reading: asyncio.Event | None = None
        self.has_read = asyncio.Event()
        self.committing: asyncio.Event | None = None
        self.at_commit = asyncio.Event()

    def apply(self, writes, now):
        self._check()
        return super().apply(writes, now)

    async def find(self, model_id, keys) -> list[Entry | None]:
        self._check()
        return await self._delayed(await super().find(model_id, keys))

    async def get(self, model_id, ids) -> list[Entry | None]:
        self._check()
        return await self._delayed(await super().get(model_id, ids))

    async def models(self):
        self._check()
        return await super().models()

    async def expired(self, now, *, limit):
        self._check()
        return await super().expired(now, limit=limit)

    @asynccontextmanager
    async def transaction(self):
        self._check()
        async with super().transaction() as transaction:
            yield transaction
            if self.committing is not None:
                self.at_commit.set()
                await self.committing.wait()
            if self.commit_fails:
                self.down = self.down_after_commit
                raise StoreUnavailable("the disk is full")

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("the store is down")

    async def _delayed(self, entries: list[Entry | None]) -> list[Entry | None]:
        if self.reading is not None and any(entries):
            self.has_read.set()
            await self.reading.wait()
        return entries


class SilentLink:
    """The link of a client without a connection: keeps what is pushed, and whether it was closed."""

    def __init__(self, held: Buffers | None = None) -> None:
        self.held = held or Buffers(0, 0)
        self.pushed: list[bytes] = []
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def push(self, data: bytes) -> None:
        self.pushed.append(data)

    def buffers(self) -> Buffers:
        return self.held

    def disturb(self) -> None:
        """Nothing runs by itself here."""


class Parts:
    """What a server is made of; `ask` runs a command as a connection would."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.clock = Clock()
        self.settings = Settings(dir=folder, **(THRESHOLDS | settings))
        self.embedder = TableEmbedder()
        self.store = Store(str(folder / "mcserver.db"))
        self.index = FaissIndex(folder / "index")
        self.cache = SemanticCache(store=self.store, index=self.index, embedder=self.embedder, settings=self.settings, clock=self.clock)
        self.stopping = asyncio.Event()
        self.context = Context(
            settings=self.settings,
            cache=self.cache,
            commands=Table(FAMILIES),
            statistics=ServerStatistics(),
            shutdown=self.stopping.set,
            started=STARTED,
            run_id="ab" * 20,
            loading=False,
        )
        self.client = Client(
            id=1,
            address="127.0.0.1:5000",
            local_address="127.0.0.1:6380",
            fd=10,
            created=STARTED,
            last_active=STARTED,
            user=self.context.access.default,
            authenticated=True,
            link=SilentLink(),
            protocol=3,
        )

    async def ask(self, *words: Word) -> object:
        """The reply as a client decodes it (bytes, maps as dicts with text keys); an error as hiredis.ReplyError."""
        return decode(await answered(self.context, self.client, [to_bytes(word) for word in words]))

    async def verdict(self, *words: Word) -> dict[str, object]:
        """The map that MC.GET gives with WITHMETA."""
        found = await self.ask("MC.GET", *words, "WITHMETA")
        assert isinstance(found, dict), found
        return found

    async def execute(self, *commands: Sequence[Word]) -> object:
        """MULTI, the commands, EXEC; the reply of EXEC."""
        await self.ask("MULTI")
        for words in commands:
            assert await self.ask(*words) == b"QUEUED"
        return await self.ask("EXEC")

    def statistics(self, model: str):
        return self.cache.models.find(model).statistics


class Peer:
    """A client over TCP that sees every reply as it comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._replies = hiredis.Reader(notEnoughData=Ellipsis)

    def send(self, *words: Word) -> None:
        """Without waiting for the reply."""
        self.send_bytes(pack(*words))

    def send_bytes(self, data: bytes) -> None:
        self.writer.write(data)

    async def reply(self) -> object:
        """The next reply; EOFError where the connection ends before it."""
        while (reply := self._replies.gets()) is Ellipsis:
            data = await asyncio.wait_for(self._reader.read(65536), 30)
            if not data:
                raise EOFError
            self._replies.feed(data)
        return reply

    async def replies(self, count: int) -> list[object]:
        return [await self.reply() for _ in range(count)]

    async def ask(self, *words: Word) -> object:
        self.send(*words)
        return await self.reply()

    async def ended(self) -> bool:
        """Whether the server closed the connection without another byte."""
        return await asyncio.wait_for(self._reader.read(1), 30) == b""

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


class Tcp:
    """The parts behind a listening socket."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.server = Server(parts.context)
        self._peers: list[Peer] = []
        self.port = 0

    async def listen(self) -> None:
        self.port = free_port()
        self.server.listen(Listener(Settings(bind=("127.0.0.1",), port=self.port)))

    async def connect(self) -> Peer:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port))
        self._peers.append(peer)
        return peer

    async def close(self) -> None:
        for peer in self._peers:
            peer.writer.transport.abort()
        await self.server.close()


@asynccontextmanager
async def opened(parts: Parts) -> AsyncIterator[Parts]:
    await parts.cache.open()
    yield parts
    parts.store.down = False
    await parts.cache.close()


async def answered(context: Context, client: Client, words: list[bytes]) -> bytes:
    """The bytes of the reply to a command that is run without a connection."""
    try:
        result = execute(context, client, resolve(context, client, words), words)
        if isinstance(result, Job):
            await result.prepare()
            result = result.start()
        if isinstance(result, Awaitable):
            result = await result
    except Exception as error:  # noqa: BLE001 - as in the connection
        result = wire_error(error)
    return encode(result, client.protocol)


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop go on until it holds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what it asks about tells nobody
            await asyncio.sleep(0)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def to_bytes(word: Word) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()


def pack(*words: Word) -> bytes:
    return hiredis.pack_command(tuple(to_bytes(word) for word in words))


def decode(reply: bytes) -> object:
    reader = hiredis.Reader()
    reader.feed(reply)
    return plain(reader.gets())


def plain(reply: object) -> object:
    """Keys of maps as text."""
    if isinstance(reply, dict):
        return {key.decode(): plain(value) for key, value in reply.items()}
    if isinstance(reply, list):
        return [plain(item) for item in reply]
    return reply


def error_text(reply: object) -> str:
    assert isinstance(reply, hiredis.ReplyError), reply
    return str(reply)
