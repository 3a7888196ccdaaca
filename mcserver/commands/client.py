"""CLIENT: who is connected, and what a connection says about itself."""

from collections.abc import Iterable

from mcserver.context import Call, Client
from mcserver.table import Family
from protocol.errors import SYNTAX_ERROR, CommandError
from protocol.number import parse_integer
from protocol.reply import OK, Verbatim

__all__ = ["family", "read_attribute"]

family = Family("connection")

_FLAGS = "noscript loading stale"
_TYPES = {"normal": True, "master": False, "replica": False, "slave": False, "pubsub": False}
"""The types of client that Redis knows, and whether there are any here."""

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
    option = call.words[2].decode("utf-8", "surrogateescape")
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
            return _lines(call, clients.values() if _is_present(call.words[3]) else [])
        case [b"id", first, *more]:
            ids = [_read_id(given) for given in [first, *more]]
            return _lines(call, [clients[one] for one in ids if one in clients])
    raise CommandError(SYNTAX_ERROR)


def read_attribute(given: bytes, name: str) -> str:
    """What a client says about itself, which must fit into a line of CLIENT LIST. Raises CommandError that begins with `name`."""
    if any(not ord("!") <= byte <= ord("~") for byte in given):
        raise CommandError(f"{name} cannot contain spaces, newlines or special characters.")
    return given.decode("ascii")


def _is_present(given: bytes) -> bool:
    name = given.decode("utf-8", "surrogateescape")
    if name.lower() not in _TYPES:
        raise CommandError(f"Unknown client type '{name}'")
    return _TYPES[name.lower()]


def _read_id(given: bytes) -> int:
    number = parse_integer(given)
    if number is None:
        raise CommandError("Invalid client ID")
    return number


def _lines(call: Call, clients: Iterable[Client]) -> Verbatim:
    return Verbatim("".join(f"{_describe(client, call.now // 1000)}\n" for client in clients))


def _describe(client: Client, now: int) -> str:
    """The line of a client, with the fields of Redis 7.4 in their order. What does not exist here is 0."""
    received, unread = client.buffered()
    queued = sum(len(word) for one in client.transaction or () for word in one.words)
    fields = {
        "id": client.id,
        "addr": client.address,
        "laddr": client.local_address,
        "fd": client.fd,
        "name": client.name,
        "age": max(0, now - int(client.created)),
        "idle": max(0, now - int(client.last_active)),
        "flags": _flags(client),
        "db": 0,
        "sub": 0,
        "psub": 0,
        "ssub": 0,
        "multi": -1 if client.transaction is None else len(client.transaction),
        "watch": 0,
        "qbuf": received,
        "qbuf-free": 0,
        "argv-mem": 0,
        "multi-mem": queued,
        "rbs": 0,
        "rbp": 0,
        "obl": 0,
        "oll": 0,
        "omem": unread,
        "tot-mem": received + queued + unread,
        "events": "rw" if unread else "r",
        "cmd": client.last_command,
        "user": client.user,
        "redir": -1,
        "resp": client.protocol,
        "lib-name": client.library_name,
        "lib-ver": client.library_version,
    }
    return " ".join(f"{name}={value}" for name, value in fields.items())


def _flags(client: Client) -> str:
    flags = ("x" if client.transaction is not None else "") + ("c" if client.closing else "")
    return flags or "N"
