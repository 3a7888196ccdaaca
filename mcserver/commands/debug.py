"""DEBUG: what Redis' own test suite asks of a server. Switched off unless `enable-debug-command` says otherwise."""

import asyncio
import logging
import math
import secrets
from collections.abc import Callable
from ipaddress import ip_address

from mcserver.context import Call, Client
from mcserver.settings import rewrite
from mcserver.table import Family
from protocol.errors import NOT_A_FLOAT, CommandError, wrong_subcommand_arity
from protocol.number import parse_float
from protocol.reply import OK, RESP2, Members, Push, Raw, Status, Verbatim, encode

__all__ = ["family"]

family = Family("server")

_log = logging.getLogger("mcserver")

_REFUSED = (
    'DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, '
    "otherwise you need to set this option in the configuration file, and then restart the server."
)
_NUMBER = "1234567999999999999999999999999999999"


def _big_number(protocol: int) -> object:
    return _NUMBER if protocol == RESP2 else Raw(b"(%b\r\n" % _NUMBER.encode())


def _attribute(protocol: int) -> object:
    reply = encode("Some real reply following the attribute", protocol)
    if protocol == RESP2:
        return Raw(reply)
    return Raw(b"|1\r\n" + encode("key-popularity", protocol) + encode(["key:123", 90], protocol) + reply)


def _push(protocol: int) -> object:
    if protocol == RESP2:
        raise CommandError("RESP2 is not supported by this command")
    message = encode(Push(["server-cpu-usage", 42]), protocol)
    return Raw(message + encode("Some real reply following the push reply", protocol))


_TYPES: dict[str, object] = {
    "string": "Hello World",
    "integer": 12345,
    "double": 3.141,
    "bignum": _big_number,
    "null": None,
    "array": [0, 1, 2],
    "set": Members([0, 1, 2]),
    "map": {0: False, 1: True, 2: False},
    "attrib": _attribute,
    "push": _push,
    "verbatim": Verbatim("This is a verbatim\nstring"),
    "true": True,
    "false": False,
}
"""A reply of every type, as Redis has them, or what makes it of the version of the protocol."""


@family.command(
    "DEBUG",
    "subcommand [arg ...]",
    summary="A container for debugging; see enable-debug-command.",
    complexity="that of the subcommand",
    flags="admin noscript loading stale",
)
def debug(call: Call) -> object:
    """Reply: that of the subcommand."""
    if not _allowed(call):
        raise CommandError(_REFUSED)
    words, (run, count) = call.words, _SUBCOMMANDS.get(call.words[1].lower(), _UNKNOWN)
    if len(words) != count:
        raise wrong_subcommand_arity("debug", words[1])
    return run(call)


def _allowed(call: Call) -> bool:
    match call.context.settings.enable_debug_command:
        case "yes":
            return True
        case "local":
            return _is_local(call.client)
    return False


def _is_local(client: Client) -> bool:
    """Whether the client is on this machine: it came through the loopback interface or a Unix socket."""
    host = client.address.rpartition(":")[0].strip("[]")
    return client.unix or ip_address(host.partition("%")[0]).is_loopback


def _sleep(call: Call) -> object:
    """Hold this connection, and no other: nothing stops the event loop. It counts as a slow command all the same."""
    seconds = parse_float(call.words[2])
    if seconds is None or not math.isfinite(seconds):
        raise CommandError(NOT_A_FLOAT)
    return _sleep_for(seconds)


async def _sleep_for(seconds: float) -> object:
    await asyncio.sleep(seconds)
    return OK


def _protocol(call: Call) -> object:
    name = call.words[2].decode("utf-8", "replace").lower()
    if name not in _TYPES:
        raise CommandError(f"Wrong protocol type name. Please use one of the following: {'|'.join(_TYPES)}")
    reply = _TYPES[name]
    return reply(call.client.protocol) if callable(reply) else reply


def _log_text(call: Call) -> object:
    _log.warning("event=debug-log text=%r", call.words[2].decode("utf-8", "replace"))
    return OK


def _error(call: Call) -> object:
    text = call.words[2].replace(b"\r", b" ").replace(b"\n", b" ")
    return Raw(b"-%b\r\n" % text)


def _set_active_expire(call: Call) -> object:
    """0: expired entries are no longer removed in the background. They are not served either way."""
    call.cache.sweeping = _switch(call)
    return OK


def _pause_cron(call: Call) -> object:
    call.context.cron_paused = _switch(call)
    return OK


def _resize_replies(call: Call) -> object:
    """Nothing to switch: a reply takes what it is long, and no buffer is kept for the next one."""
    if call.words[2].lower() != b"resizing":
        raise wrong_subcommand_arity("debug", call.words[1])
    return OK


def _rewrite_everything(call: Call) -> object:
    rewrite(call.context.settings, everything=True)
    return OK


def _change_replication_id(call: Call) -> object:
    call.context.replication_id = secrets.token_hex(20)
    return OK


def _switch(call: Call) -> bool:
    """As Redis: every number but 0 switches on, and what is no number counts as 0."""
    return bool(parse_float(call.words[2]))


def _show_help(call: Call) -> object:
    lines = ["DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for usage, what in _HELP.items():
        lines += [usage, f"    {what}"]
    return [Status(line) for line in lines]


_HELP = {
    "CHANGE-REPL-ID": "Gives the server another replication ID.",
    "CONFIG-REWRITE-FORCE-ALL": "Writes every setting into the file, as CONFIG REWRITE does those that have changed.",
    "ERROR <string>": "Answers with this error.",
    "LOG <message>": "Writes a line to the log.",
    "PAUSE-CRON <0|1>": "Stops what the server does every second: rates of INFO, closing of idle connections.",
    "PROTOCOL <type>": f"Answers with a value of this type: {', '.join(_TYPES)}.",
    "REPLYBUFFER RESIZING <0|1>": "Accepted as by Redis; reply buffers are never resized here.",
    "SET-ACTIVE-EXPIRE <0|1>": "Stops or starts the removal of expired entries in the background.",
    "SLEEP <seconds>": "Answers after this time. Other connections are not held up.",
    "HELP": "Prints this help.",
}

_Run = Callable[[Call], object]

_SUBCOMMANDS: dict[bytes, tuple[_Run, int]] = {
    b"change-repl-id": (_change_replication_id, 2),
    b"config-rewrite-force-all": (_rewrite_everything, 2),
    b"error": (_error, 3),
    b"log": (_log_text, 3),
    b"pause-cron": (_pause_cron, 3),
    b"protocol": (_protocol, 3),
    b"replybuffer": (_resize_replies, 4),
    b"set-active-expire": (_set_active_expire, 3),
    b"sleep": (_sleep, 3),
    b"help": (_show_help, 2),
}
"""What runs each, and how many words its request has."""

_UNKNOWN: tuple[_Run, int] = (_show_help, 0)
