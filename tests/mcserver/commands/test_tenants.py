"""A user confined to some models cannot find out whether there are others: two servers, of which one has another tenant's model, answer it
every command with the same bytes."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from mcserver.commands import FAMILIES
from mcserver.context import Client
from mcserver.table import Command, Table
from mcserver.usage import Argument
from tests.mcserver.commands.wire import Wire

FOREIGN = "team-b:secret"
RULES = "on nopass &own ~team-a:* +@all -@admin"

VOLATILE = re.compile(
    r"(used_memory(?!_dataset:)|allocator|mem_|total_system|used_cpu|maxmemory|latency_percentiles|server_time|uptime|instantaneous)[^\r]*\r\n"
    r"|usec(_per_call)?=[0-9.]+"
)
"""What INFO says of the process and of time."""

TABLE = Table(FAMILIES)

Values = dict[str, str]

WORDINGS: list[Values] = [
    {"string": FOREIGN, "integer": "1", "double": "0.5"},
    {"string": "*", "integer": "0", "double": "1"},
    {"string": "team-b:*", "integer": "2", "double": "x"},
]
"""What is written where an argument is none of the keys."""

ENDLESS = {"wait", "waitaof", "shutdown"}
"""Commands that wait for something that does not come here."""

RANDOM = {"acl|genpass", "memory|malloc-stats", "lolwut"}


class Tenant:
    """A server with a model of the tenant's own, and perhaps another's."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.wire = Wire(folder)

    async def open(self, *, crowded: bool) -> None:
        wire = self.wire
        await wire.context.cache.open()
        neighbour = wire.connect()
        words = ["MC.SET team-a:own q answer", "MC.GET team-a:own q", "MC.GET team-a:own q"]
        if crowded:
            words += [f"MC.SET {FOREIGN} q answer", f"MC.GET {FOREIGN} q", f"MC.GET {FOREIGN} q", f"MC.GET {FOREIGN} other"]
        for command in [*words, f"ACL SETUSER tenant {RULES}", "CONFIG RESETSTAT"]:
            assert not (await wire.send(command)).startswith(b"-"), command
        if crowded:
            await wire.send(f"WATCH {FOREIGN}", neighbour)
            await wire.send(f"SUBSCRIBE __keyspace@0__:{FOREIGN}", neighbour)
            neighbour.watched, neighbour.channels = {FOREIGN: neighbour.watched[FOREIGN]}, neighbour.channels
        wire.context.clients.pop(neighbour.id)

    async def answers(self, name: str, requests: list[list[str]]) -> list[bytes]:
        """The replies to a client that has just logged in."""
        client = self.wire.connect(id=100, address="127.0.0.1:1", user=self.wire.context.access.users[name], authenticated=True)
        replies = [await self.wire.send([word.encode() for word in words], client) for words in requests]
        self.wire.context.forget(client)
        self.wire.context.clients.clear()
        return [VOLATILE.sub("", reply.decode("latin-1")).encode("latin-1") for reply in replies]


@pytest.fixture
async def tenants(tmp_path: Path) -> AsyncIterator[tuple[Tenant, Tenant]]:
    alone, crowded = Tenant(tmp_path / "alone"), Tenant(tmp_path / "crowded")
    await alone.open(crowded=False)
    await crowded.open(crowded=True)
    yield alone, crowded
    await alone.wire.context.cache.close()
    await crowded.wire.context.cache.close()
