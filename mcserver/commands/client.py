"""CLIENT: who is connected, and what a connection says about itself."""

import asyncio
from collections.abc import Collection, Iterator
from itertools import islice

from mcserver.context import Call, Client
from mcserver.table import Family
from mcserver.telemetry.client import client_type, describe_client
from protocol.errors import SYNTAX_ERROR, CommandError
from protocol.number import parse_integer
from protocol.reply import OK, Verbatim
from protocol.request import pack_request
from protocol.text import decode

__all__ = ["family", "read_attribute", "read_id", "read_type"]

family = Family("connection")

LINES_AT_ONCE = 200
"""Lines made in one go, some 2 ms."""

_FLAGS = "noscript loading stale"
_TYPES = {"normal": "normal", "master": "master", "replica": "replica", "slave": "replica", "pubsub": "pubsub"}
"""The types of client that Redis knows, by the words for them. There are no masters and replicas here."""

family.container("CLIENT", summary="A container for commands on connections.")


@family.command("CLIENT|ID", "", summary="Returns the id of the connection.", flags=_FLAGS)
def client_id(call: Call) -> object:
    """Reply: an integer; never given twice while the server runs."""
    return call.client.id


@family.command("CLIENT|GETNAME", "", summary="Returns the name of the connection.", flags=_FLAGS)
def get_name(call: Call) -> object:
    """Reply: the name, or nil."""
    return call.client.name or None


@family.command("CLIENT|SETNAME", "connection-name", summary="Names the connection; an empty name takes it away.", flags=_FLAGS)
def set_name(call: Call) -> object:
    """Reply: OK."""
    call.client.name = read_attribute(call.words[2], "Client names")
    return OK


@family.command(
    "CLIENT|SETINFO", "<LIB-NAME libname | LIB-VER libver>", summary="Says which client library the connection uses.", flags=_FLAGS
)
def set_info(call: Call) -> object:
    """Reply: OK."""
    option = decode(call.words[2])
    match option.lower():
        case "lib-name":
            call.client.library_name = read_attribute(call.words[3], option)
        case "lib-ver":
            call.client.library_version = read_attribute(call.words[3], option)
        case _:
            raise CommandError(f"Unrecognized option '{option}'")
    return OK


@family.command("CLIENT|INFO", "", summary="Describes the connection.", flags=_FLAGS)
def info(call: Call) -> object:
    """Reply: text, one line."""
    return _lines(call, [call.client])


@family.command(
    "CLIENT|LIST",
    "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB> | ID client-id [client-id ...]]",
    summary="Describes the open connections.",
    complexity="O(N) with N connections",
    flags=f"admin {_FLAGS}",
)
def list_clients(call: Call) -> object:
    """Reply: text, one line per connection."""
    clients = call.context.clients
    match [word.lower() for word in call.words[2:]]:
        case []:
            return _lines(call, clients.values())
        case [b"type", _]:
            wanted = read_type(call.words[3])
            return _lines(call, [client for client in clients.values() if client_type(client) == wanted])
        case [b"id", first, *more]:
            ids = [read_id(given) for given in [first, *more]]
            return _lines(call, [clients[one] for one in ids if one in clients])
    raise CommandError(SYNTAX_ERROR)


def read_attribute(given: bytes, name: str) -> str:
    """What a client says about itself, which must fit into a line of CLIENT LIST. Raises CommandError that begins with `name`."""
    if any(not ord("!") <= byte <= ord("~") for byte in given):
        raise CommandError(f"{name} cannot contain spaces, newlines or special characters.")
    return given.decode("ascii")


def read_type(given: bytes) -> str:
    """A type of client by one of its words. Raises CommandError."""
    name = decode(given)
    if name.lower() not in _TYPES:
        raise CommandError(f"Unknown client type '{name}'")
    return _TYPES[name.lower()]


def read_id(given: bytes) -> int:
    """The id of a client. Raises CommandError."""
    number = parse_integer(given)
    if number is None:
        raise CommandError("Invalid client ID")
    return number


def _lines(call: Call, clients: Collection[Client]) -> object:
    own = len(pack_request(tuple(call.words)))  # as in Redis: of a request that is being run, too
    lines = (f"{describe_client(client, call.now // 1000, request=own if client is call.client else 0)}\n" for client in list(clients))
    return Verbatim("".join(lines)) if len(clients) <= LINES_AT_ONCE else _many_lines(lines)


async def _many_lines(lines: Iterator[str]) -> object:
    """Others get their turn in between: ten thousand lines take a tenth of a second."""
    parts: list[str] = []
    while part := "".join(islice(lines, LINES_AT_ONCE)):
        parts.append(part)
        await asyncio.sleep(0)
    return Verbatim("".join(parts))
