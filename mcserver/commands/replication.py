"""ROLE, WAIT and REPLICAOF: a server on its own, a master without replicas."""

from mcserver.context import Call
from mcserver.table import Family
from protocol.arguments import Arguments, Options, flag, group, integer, text
from protocol.errors import NOT_AN_INTEGER, CommandError
from protocol.number import parse_integer
from protocol.reply import OK

__all__ = ["family"]

family = Family("server")

_MAX_PORT = 65535
_ADMIN = "no_async_loading admin noscript stale"


def _timeout(arguments: Arguments, name: str) -> int:
    value = integer()(arguments, name)
    if value <= 0:
        raise CommandError("FAILOVER timeout must be greater than 0")
    return value


_FAILOVER = Options(TO=group(text(), integer()), FORCE=flag, ABORT=flag, TIMEOUT=_timeout)


@family.command(
    "ROLE",
    "",
    summary="Returns what part the server has in replication.",
    flags="noscript loading stale fast",
    categories="admin dangerous",
)
def role(call: Call) -> object:
    """Reply: an array: master, offset 0, no replicas."""
    return ["master", 0, []]


@family.command(
    "WAIT",
    "numreplicas timeout",
    summary="Waits for replicas to have the writes of this connection: there are none, so not at all.",
    flags="noscript",
    categories="connection",
)
def wait(call: Call) -> object:
    """Reply: 0, at once."""
    call.arguments.take("numreplicas", integer())
    _read_timeout(call.arguments)
    return 0


@family.command(
    "WAITAOF",
    "numlocal numreplicas timeout",
    summary="Waits until the writes of this connection are on disk.",
    flags="noscript",
    categories="connection",
)
def wait_for_disk(call: Call) -> object:
    """Reply: an array: 1, since they are on the disk of this server then, and 0 replicas."""
    local = _read_ranged(call.arguments, 1)
    _read_ranged(call.arguments, None)
    _read_timeout(call.arguments)
    return _wait_for_disk(call) if local else [1, 0]


@family.command("REPLICAOF", "host port", summary="Makes the server a master, as it is anyway: REPLICAOF NO ONE.", flags=_ADMIN)
def replicate(call: Call) -> object:
    """Reply: OK. Any other master is refused: nothing would be replicated."""
    host, port = call.words[1:]
    if (host.lower(), port.lower()) == (b"no", b"one"):
        return OK
    number = parse_integer(port)
    if number is None or not 0 <= number <= _MAX_PORT:
        raise CommandError("Invalid master port")
    raise CommandError("this server cannot be a replica, expected REPLICAOF NO ONE")


@family.command("SLAVEOF", "host port", summary="The older name of REPLICAOF.", flags=_ADMIN)
def serve(call: Call) -> object:
    """As REPLICAOF."""
    return replicate(call)


@family.command(
    "FAILOVER",
    "[TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]",
    summary="Hands over to a replica: there is none.",
    flags="admin noscript stale",
)
def fail_over(call: Call) -> object:
    """Always refused, in Redis' words."""
    if len(call.arguments) == 1 and call.arguments.match("ABORT"):
        raise CommandError("No failover in progress.")
    call.arguments.options(_FAILOVER)
    raise CommandError("FAILOVER requires connected replicas.")


async def _wait_for_disk(call: Call) -> object:
    await call.cache.sync()
    return [1, 0]


def _read_ranged(arguments: Arguments, most: int | None) -> int:
    value = parse_integer(arguments.pop())
    if value is None:
        raise CommandError(NOT_AN_INTEGER)
    if most is None and value < 0:
        raise CommandError("value is out of range, must be positive")
    if most is not None and not 0 <= value <= most:
        raise CommandError(f"value is out of range, value must between 0 and {most}")
    return value


def _read_timeout(arguments: Arguments) -> int:
    value = parse_integer(arguments.pop())
    if value is None:
        raise CommandError("timeout is not an integer or out of range")
    if value < 0:
        raise CommandError("timeout is negative")
    return value
