"""A user confined to some models cannot find out whether there are others: two servers, of which one has another tenant's model, answer it
every command with the same bytes."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mcserver.commands import FAMILIES
from mcserver.table import Command, Table
from mcserver.usage import Argument
from tests.mcserver.commands.wire import Wire
from tests.mcserver.parts import until

FOREIGN = "team-b:secret"
RULES = "on nopass &own ~team-a:* +@all -@admin"

OF_THE_PROCESS = re.compile(
    r"(used_memory(?!_dataset:)|allocator|mem_|used_cpu|latency_percentiles|server_time|uptime|instantaneous|total_system)[^\r]*\r\n"
    r"|usec(_per_call)?=[0-9.]+"
)
"""What INFO says of the process and of time."""

MEMORY_STATS = ("keys.count", "dataset.bytes", "db.0")
"""What is not of the process there."""

RANDOM = {"acl|genpass", "memory|malloc-stats"}

TABLE = Table(FAMILIES)
COMMANDS = sorted(command.name for command in TABLE.everything() if command.name not in RANDOM)
OF_OTHER_TYPES = ["GET k", "SET k v", "HSET k f v", "MGET x k", "RENAME k other", "RENAME other k", "COPY k k2", "SORT k", "EXPIRE k 1"]
WORDINGS = [(FOREIGN, "1"), ("*", "0"), ("team-b:*", "x")]
"""What is written for text and for numbers."""


def spell(argument: Argument, text: str, number: str, *, full: bool) -> Iterator[str]:
    """Words for an argument of a usage line; `full`: those that may be left out too."""
    if argument.optional and not full:
        return
    if argument.token:
        yield argument.token
    if argument.kind == "oneof":
        yield from spell(argument.children[0], text, number, full=full)
    elif argument.kind == "block":
        for child in argument.children:
            yield from spell(child, text, number, full=full)
    elif argument.kind != "pure-token":
        yield {"key": FOREIGN, "string": text}.get(argument.kind, number)


def requests(command: Command) -> list[list[str]]:
    """The command in several wordings, and with too many words."""
    name = command.name.split("|")
    found = [
        [*name, *(word for argument in command.arguments for word in spell(argument, text, number, full=full))]
        for full in (False, True)
        for text, number in WORDINGS
    ]
    return [*found, [*found[0], FOREIGN], [*found[-1], "*", FOREIGN]]


class Server:
    """One with a model of the tenant's own, and perhaps another's."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.wire = Wire(folder)
        self.wire.context.cache.timer = lambda: 0.0

    async def open(self, *, crowded: bool) -> None:
        await self.wire.context.cache.open()
        words = ["MC.SET team-a:own q answer", "MC.GET team-a:own q", "MC.GET team-a:own q"]
        if crowded:
            words += [f"MC.SET {FOREIGN} q answer", f"MC.GET {FOREIGN} q", f"MC.GET {FOREIGN} q", f"MC.GET {FOREIGN} other"]
        neighbour = self.wire.connect()
        for command in [*words, f"ACL SETUSER tenant {RULES}", "CONFIG RESETSTAT"]:
            assert not (await self.wire.send(command)).startswith(b"-"), command
        for command in [f"WATCH {FOREIGN}", f"SUBSCRIBE __keyspace@0__:{FOREIGN}"]:
            assert not (await self.wire.send(command, neighbour)).startswith(b"-"), command

    async def answers(self, user: str, command: Command) -> list[object]:
        """The replies to clients that have just logged in, without what differs from one moment to the next."""
        return [(words, comparable(command.name, await self.ask(user, words))) for words in requests(command)]

    async def ask(self, user: str, words: list[str]) -> bytes:
        client = self.wire.connect(user=self.wire.context.access.users[user], authenticated=True)
        reply = await self.wire.send([word.encode() for word in words], client)
        self.wire.context.forget(client)
        return reply


def comparable(name: str, reply: bytes) -> object:
    text = reply.decode("latin-1")
    if name == "memory|stats":
        return [text[text.index(field) :][:40] for field in MEMORY_STATS if field in text]
    if name == "info":
        return OF_THE_PROCESS.sub("", text.partition("\r\n")[2])
    return text


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[tuple[Server, Server]]:
    alone, crowded = Server(tmp_path / "alone"), Server(tmp_path / "crowded")
    await alone.open(crowded=False)
    await crowded.open(crowded=True)
    yield alone, crowded
    await alone.wire.context.cache.close()
    await crowded.wire.context.cache.close()


async def test_every_command_answers_the_same(servers: tuple[Server, Server]):
    alone, crowded = servers
    answered = set()
    for name in COMMANDS:
        command = TABLE.named(name)
        assert command is not None
        ours, theirs = await alone.answers("tenant", command), await crowded.answers("tenant", command)
        assert ours == theirs, name
        if not all(str(answer).startswith(("-NOPERM", "-ERR")) for _, answer in ours):
            answered.add(name)
    assert answered >= {"dbsize", "scan", "keys", "randomkey", "mc.models", "info", "memory|stats", "pubsub|channels", "pubsub|numsub"}


async def test_the_same_comparison_finds_what_others_are_shown(servers: tuple[Server, Server]):
    alone, crowded = servers
    for name in ["dbsize", "scan", "keys", "mc.models", "info", "memory|stats", "exists", "mc.info", "mc.get", "type", "mc.drop"]:
        command = TABLE.named(name)
        assert command is not None
        assert await alone.answers("default", command) != await crowded.answers("default", command), name


@pytest.mark.parametrize("line", OF_OTHER_TYPES)
async def test_commands_on_other_types_tell_nothing(line: str, servers: tuple[Server, Server]):
    words = [FOREIGN if word == "k" else word for word in line.split()]
    alone, crowded = [await server.ask("tenant", words) for server in servers]
    assert alone == crowded
    assert alone.startswith(b"-ERR unknown command")


async def test_nor_does_a_transaction(servers: tuple[Server, Server]):
    replies = []
    for server in servers:
        client = server.wire.connect(user=server.wire.context.access.users["tenant"], authenticated=True)
        words = ["MULTI", "DBSIZE", "MC.MODELS", "KEYS *", f"MC.GET {FOREIGN} q", f"EXISTS {FOREIGN}", "EXEC"]
        replies.append([await server.wire.send(one, client) for one in words])
    assert replies[0] == replies[1]
    assert replies[0][-1] == b"*3\r\n:1\r\n*1\r\n$10\r\nteam-a:own\r\n*1\r\n$10\r\nteam-a:own\r\n"


@pytest.mark.parametrize("listening", ["PSUBSCRIBE *", "SUBSCRIBE __keyevent@0__:set", "CLIENT TRACKING ON BCAST"])
async def test_nor_do_messages_about_models(listening: str, servers: tuple[Server, Server]):
    wire = servers[1].wire
    for words in ["ACL SETUSER tenant &* +client|tracking", "CONFIG SET notify-keyspace-events KEA"]:
        assert await wire.ask(words) == "OK"
    client = wire.connect(user=wire.context.access.users["tenant"], authenticated=True, protocol=3)
    assert not (await wire.send(listening, client)).startswith(b"-")
    for model in (FOREIGN, "team-a:own"):
        assert await wire.ask(f"MC.SET {model} other answer") == "OK"
    await until(lambda: bool(client.link.pushed))
    pushed = b"".join(client.link.pushed)
    assert b"team-a:own" in pushed
    assert b"team-b" not in pushed
