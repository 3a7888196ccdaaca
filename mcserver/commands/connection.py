"""PING, ECHO, QUIT, RESET, HELLO, AUTH and SELECT: the connection itself."""

from mcserver.commands.client import read_attribute
from mcserver.context import Call, Replies
from mcserver.table import Family
from mcserver.version import REDIS_VERSION, module_version
from protocol.errors import (
    DB_OUT_OF_RANGE,
    NOT_AN_INTEGER,
    SYNTAX_ERROR,
    CommandError,
    hello_authentication_required,
    hello_option,
    no_password_set,
    unsupported_protocol,
    wrong_arity,
    wrong_password,
)
from protocol.number import parse_integer
from protocol.reply import OK, PONG, RESET, RESP2, RESP3

__all__ = ["family"]

family = Family("connection")

_DEFAULT_USER = b"default"
_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1


@family.command("PING", "[message]", summary="Returns PONG, or the message.", flags="fast")
def ping(call: Call) -> object:
    """Reply: PONG, or the message as it was given; to a subscriber that speaks RESP2 in the form of a message."""
    if len(call.words) > 2:  # noqa: PLR2004 - the name and one argument
        raise wrong_arity("ping")
    if call.client.subscribed and call.client.protocol == RESP2:
        return ["pong", call.words[1] if len(call.words) > 1 else ""]
    return call.words[1] if len(call.words) > 1 else PONG


@family.command("ECHO", "message", summary="Returns the message.", flags="loading stale fast")
def echo(call: Call) -> object:
    """Reply: the message as it was given."""
    return call.words[1]


@family.command("QUIT", "", summary="Closes the connection.", flags="noscript loading stale fast no_auth", words=-1)
def quit_connection(call: Call) -> object:
    """Reply: OK; the connection is closed after it."""
    call.client.closing = True
    return OK


@family.command("RESET", "", summary="Takes the connection back to how it began.", flags="noscript loading stale fast no_auth")
def reset(call: Call) -> object:
    """Reply: RESET, in RESP2. The name of the client's library stays, as in Redis."""
    client = call.client
    client.leave_transaction()
    call.context.monitors.remove(client)
    call.context.channels.forget(client)
    call.context.tracking.disable(client)
    client.protocol = RESP2
    client.name = ""
    if client.replies is not Replies.SKIPPING:  # as Redis: the reply to this very command stays unwanted
        client.replies = Replies.ON
    client.no_evict = client.no_touch = False
    client.user = call.context.access.default
    client.authenticated = client.user.open
    return RESET


@family.command(
    "HELLO",
    "[protover [AUTH username password] [SETNAME clientname]]",
    summary="Chooses the version of the protocol, logs in, names the connection.",
    flags="noscript loading stale fast no_auth",
)
def hello(call: Call) -> object:
    """Reply: a map that describes the server, in the chosen version. All of it is done, or nothing."""
    client, arguments = call.client, call.arguments
    protocol = _read_protocol(arguments.pop()) if len(arguments) else client.protocol
    credentials: tuple[bytes, bytes] | None = None
    name: str | None = None
    while len(arguments):
        option = arguments.pop()
        if option.upper() == b"AUTH" and len(arguments) > 1:
            credentials = (arguments.pop(), arguments.pop())
        elif option.upper() == b"SETNAME" and len(arguments):
            name = read_attribute(arguments.pop(), "Client names")
        else:
            raise hello_option(option)
    if credentials is not None:
        _log_in(call, *credentials)
    if not (client.authenticated or call.context.access.default.open):
        raise hello_authentication_required()
    if name is not None:
        client.name = name
    client.protocol = protocol
    return _describe(call)


@family.command("AUTH", "[username] password", summary="Logs in.", flags="noscript loading stale fast no_auth")
def authenticate(call: Call) -> object:
    """Reply: OK."""
    *user, password = call.words[1:]
    if len(user) > 1:
        raise CommandError(SYNTAX_ERROR)
    if not user and call.context.access.default.nopass:
        raise no_password_set()
    _log_in(call, user[0] if user else _DEFAULT_USER, password)
    return OK


@family.command("SELECT", "index", summary="Chooses the database, of which there is one.", flags="loading stale fast")
def select(call: Call) -> object:
    """Reply: OK for 0, an error for any other."""
    index = parse_integer(call.words[1])
    if index is None:
        raise CommandError(NOT_AN_INTEGER)
    if not _INT_MIN <= index <= _INT_MAX:
        raise CommandError(f"value is out of range, value must between {_INT_MIN} and {_INT_MAX}")
    if index:
        raise CommandError(DB_OUT_OF_RANGE)
    return OK


def _log_in(call: Call, name: bytes, password: bytes) -> None:
    user = call.context.access.authenticate(name, password)
    if user is None:
        call.context.access.record_failed_login(call.client, name, command=call.words[0], queued=call.queued)
        raise wrong_password()
    call.client.user = user
    call.client.authenticated = True


def _read_protocol(given: bytes) -> int:
    protocol = parse_integer(given)
    if protocol is None:
        raise CommandError("Protocol version is not an integer or out of range")
    if protocol not in {RESP2, RESP3}:
        raise unsupported_protocol()
    return protocol


def _describe(call: Call) -> dict[str, object]:
    return {
        "server": "redis",  # what clients look for: the protocol that is spoken here
        "version": REDIS_VERSION,
        "proto": call.client.protocol,
        "id": call.client.id,
        "mode": "cluster" if call.context.settings.cluster_enabled else "standalone",
        "role": "master",
        "modules": [{"name": "mc", "ver": module_version(), "path": "", "args": []}],
    }
