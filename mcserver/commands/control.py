"""CLIENT KILL, PAUSE, REPLY and their like: how connections are served, one's own and those of others."""

from dataclasses import dataclass
from itertools import zip_longest

from mcserver.commands.client import read_type
from mcserver.context import Call, Client, Replies
from mcserver.table import Family
from mcserver.telemetry.client import client_type
from protocol.errors import NOT_AN_INTEGER, SYNTAX_ERROR, CommandError, wrong_subcommand_arity
from protocol.number import parse_integer
from protocol.reply import OK, Raw
from protocol.text import decode

__all__ = ["family"]

family = Family("connection")

_FLAGS = "noscript loading stale"
_NOTHING = Raw(b"")
_MOST_MILLISECONDS = 2**63 - 1
_YEAR = 365 * 24 * 3600.0


@dataclass(slots=True)
class _Chosen:
    """Which clients CLIENT KILL means: those that fit everything given."""

    address: str | None = None
    local_address: str | None = None
    id: int | None = None
    type: str | None = None
    user: str | None = None
    oldest: int | None = None
    skip_me: bool = True

    def fits(self, client: Client, caller: Client, now: float) -> bool:
        """Whether the client is one of them."""
        return (
            self.address in {None, client.address}
            and self.local_address in {None, client.local_address}
            and self.id in {None, client.id}
            and self.type in {None, client_type(client)}
            and self.user in {None, client.user.name}
            and (self.oldest is None or now - client.created >= self.oldest)
            and not (self.skip_me and client is caller)
        )


@family.command(
    "CLIENT|KILL",
    "<ip:port | <ID client-id | TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB> | USER username | ADDR ip:port | LADDR ip:port "
    "| SKIPME <YES | NO> | MAXAGE seconds> ...>",
    summary="Closes connections.",
    complexity="O(N) with N connections",
    flags=f"admin {_FLAGS}",
    words=-3,
)
def kill(call: Call) -> object:
    """Reply: OK for an address, else the number of connections closed. One's own is closed after the reply."""
    alone = len(call.words) == 3  # noqa: PLR2004 - CLIENT KILL address
    chosen = _Chosen(address=decode(call.words[2]), skip_me=False) if alone else _choose(call)
    now = call.cache.clock()
    found = [client for client in call.context.clients.values() if chosen.fits(client, call.client, now)]
    for client in found:
        if client is call.client:
            client.closing = True
        else:
            client.link.abort()
    if alone and not found:
        raise CommandError("No such client")
    return OK if alone else len(found)


def _choose(call: Call) -> _Chosen:
    words = call.words[2:]
    chosen = _Chosen()
    for option, value in zip_longest(words[::2], words[1::2]):
        if value is None:
            raise CommandError(SYNTAX_ERROR)
        match option.lower():
            case b"id":
                chosen.id = _positive(value, "client-id should be greater than 0")
            case b"type":
                chosen.type = read_type(value)
            case b"addr":
                chosen.address = decode(value)
            case b"laddr":
                chosen.local_address = decode(value)
            case b"user":
                chosen.user = _user(call, value)
            case b"maxage":
                chosen.oldest = _positive(value, "maxage is not an integer or out of range")
            case b"skipme" if value.lower() in {b"yes", b"no"}:
                chosen.skip_me = value.lower() == b"yes"
            case _:
                raise CommandError(SYNTAX_ERROR)
    return chosen


@family.command(
    "CLIENT|PAUSE",
    "timeout [WRITE | ALL]",
    summary="Has the commands of all clients wait, or only those that change something.",
    flags=f"admin {_FLAGS}",
)
def pause(call: Call) -> object:
    """Reply: OK. `timeout` in milliseconds."""
    mode = call.words[3].lower() if len(call.words) > 3 else b"all"  # noqa: PLR2004 - CLIENT PAUSE timeout mode
    if len(call.words) > 4:  # noqa: PLR2004
        raise wrong_subcommand_arity("client", call.words[1])
    if mode not in {b"write", b"all"}:
        raise CommandError("CLIENT PAUSE mode must be WRITE or ALL")
    milliseconds = parse_integer(call.words[2])
    if milliseconds is None or milliseconds > _MOST_MILLISECONDS:
        raise CommandError("timeout is not an integer or out of range")
    if milliseconds < 0:
        raise CommandError("timeout is negative")
    call.context.pause.begin(min(milliseconds / 1000, _YEAR), everything=mode == b"all")
    call.context.disturb()
    return OK


@family.command("CLIENT|UNPAUSE", "", summary="Ends the pause.", complexity="O(N) with N waiting clients", flags=f"admin {_FLAGS}")
def unpause(call: Call) -> object:
    """Reply: OK."""
    call.context.pause.end()
    return OK


@family.command(
    "CLIENT|REPLY",
    "<ON | OFF | SKIP>",
    summary="Says whether the client wants replies: all, none, or none to the next command.",
    flags=_FLAGS,
)
def reply(call: Call) -> object:
    """Reply: OK to ON, none to OFF and SKIP."""
    client = call.client
    match call.words[2].lower():
        case b"on":
            client.replies = Replies.ON
            return OK
        case b"off":
            client.replies = Replies.OFF
            return _NOTHING
        case b"skip":
            if client.replies is not Replies.OFF:
                client.replies = Replies.SKIP
            return _NOTHING
    raise CommandError(SYNTAX_ERROR)


@family.command(
    "CLIENT|NO-EVICT",
    "<ON | OFF>",
    summary="Keeps the connection when maxmemory-clients has others cut off.",
    flags=f"admin {_FLAGS}",
)
def no_evict(call: Call) -> object:
    """Reply: OK."""
    call.client.no_evict = _switch(call.words[2])
    return OK


@family.command(
    "CLIENT|NO-TOUCH", "<ON | OFF>", summary="Has the connection's lookups leave the hit counters of entries as they are.", flags=_FLAGS
)
def no_touch(call: Call) -> object:
    """Reply: OK."""
    call.client.no_touch = _switch(call.words[2])
    return OK


@family.command(
    "CLIENT|UNBLOCK",
    "client-id [TIMEOUT | ERROR]",
    summary="Ends the waiting of a client in a blocking command, of which there are none.",
    flags=f"admin {_FLAGS}",
)
def unblock(call: Call) -> object:
    """Reply: 0, since no command blocks."""
    if len(call.words) > 4:  # noqa: PLR2004 - CLIENT UNBLOCK id reason
        raise wrong_subcommand_arity("client", call.words[1])
    if len(call.words) == 4 and call.words[3].lower() not in {b"timeout", b"error"}:  # noqa: PLR2004
        raise CommandError("CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
    if parse_integer(call.words[2]) is None:
        raise CommandError(NOT_AN_INTEGER)
    return 0


def _switch(given: bytes) -> bool:
    if given.lower() not in {b"on", b"off"}:
        raise CommandError(SYNTAX_ERROR)
    return given.lower() == b"on"


def _positive(given: bytes, refusal: str) -> int:
    number = parse_integer(given)
    if number is None or number < 1:
        raise CommandError(refusal)
    return number


def _user(call: Call, given: bytes) -> str:
    name = decode(given)
    if name not in call.context.access.users:
        raise CommandError(f"No such user '{name}'")
    return name
