"""CLIENT TRACKING, TRACKINGINFO, CACHING and GETREDIR: being told when what one keeps may be wrong."""

from collections.abc import Sequence

from mcserver.context import Call
from mcserver.table import Family
from mcserver.tracking import Tracking
from protocol.errors import NOT_AN_INTEGER, SYNTAX_ERROR, CommandError
from protocol.number import parse_integer
from protocol.reply import OK, Members
from protocol.text import decode

__all__ = ["family"]

family = Family("connection")

_FLAGS = "noscript loading stale"
_SWITCHED = "before disabling tracking for this client, and then re-enabling it with a different mode."
_OVERLAPS = "Prefixes for a single client must not overlap."


@family.command(
    "CLIENT|TRACKING",
    "<ON | OFF> [REDIRECT client-id] [PREFIX prefix] ... [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
    summary="Tells the client of changes to models that it has read, or whose names have a prefix.",
    flags=_FLAGS,
)
def track(call: Call) -> object:
    """Reply: OK."""
    tracking, prefixes = _read_options(call)
    match call.words[2].lower():
        case b"on":
            _check_modes(tracking, call.client.tracking, prefixes)
            _check_prefixes(prefixes, call.client.tracking)
            if tracking.broadcast:
                tracking.prefixes.update(prefixes or [b""])
            call.context.tracking.enable(call.client, tracking)
        case b"off":
            call.context.tracking.disable(call.client)
        case _:
            raise CommandError(SYNTAX_ERROR)
    return OK


@family.command("CLIENT|TRACKINGINFO", "", summary="Describes how the client is told of changes.", flags=_FLAGS)
def describe(call: Call) -> object:
    """Reply: a map."""
    tracking = call.client.tracking
    if tracking is None:
        return {"flags": Members(["off"]), "redirect": -1, "prefixes": []}
    flags = {
        "on": True,
        "bcast": tracking.broadcast,
        "optin": tracking.opt_in,
        "caching-yes": tracking.opt_in and tracking.caching,
        "optout": tracking.opt_out,
        "caching-no": tracking.opt_out and tracking.caching,
        "noloop": tracking.no_loop,
        "broken_redirect": tracking.broken,
    }
    return {
        "flags": Members([name for name, holds in flags.items() if holds]),
        "redirect": tracking.redirect,
        "prefixes": sorted(tracking.prefixes),
    }


@family.command(
    "CLIENT|CACHING",
    "<YES | NO>",
    summary="Says whether to remember what the next command reads, where OPTIN or OPTOUT asks.",
    flags=_FLAGS,
)
def cache_next(call: Call) -> object:
    """Reply: OK. It holds for the next command or transaction."""
    tracking, answer = call.client.tracking, call.words[2].lower()
    if tracking is None:
        raise CommandError("CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
    if answer not in {b"yes", b"no"}:
        raise CommandError(SYNTAX_ERROR)
    if answer == b"yes" and not tracking.opt_in:
        raise CommandError("CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
    if answer == b"no" and not tracking.opt_out:
        raise CommandError("CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
    tracking.caching = True
    return OK


@family.command("CLIENT|GETREDIR", "", summary="Returns the id of the client that is told in this one's stead.", flags=_FLAGS)
def get_redirection(call: Call) -> object:
    """Reply: an integer; 0 where none is, -1 where the client is not told at all."""
    return call.client.redirection


def _read_options(call: Call) -> tuple[Tracking, list[bytes]]:
    """The options, in any order, and the prefixes."""
    tracking, words = Tracking(), call.words[:2:-1]
    prefixes: list[bytes] = []
    while words:
        match words.pop().lower():
            case b"redirect" if words:
                tracking.redirect = _read_redirection(call, words.pop(), tracking.redirect)
            case b"prefix" if words:
                prefixes.append(words.pop())
            case b"bcast":
                tracking.broadcast = True
            case b"optin":
                tracking.opt_in = True
            case b"optout":
                tracking.opt_out = True
            case b"noloop":
                tracking.no_loop = True
            case _:
                raise CommandError(SYNTAX_ERROR)
    return tracking, prefixes


def _read_redirection(call: Call, given: bytes, before: int) -> int:
    if before:
        raise CommandError("A client can only redirect to a single other client")
    number = parse_integer(given)
    if number is None:
        raise CommandError(NOT_AN_INTEGER)
    if number not in call.context.clients:
        raise CommandError("The client ID you want redirect to does not exist")
    return number


def _check_modes(new: Tracking, old: Tracking | None, prefixes: Sequence[bytes]) -> None:
    if prefixes and not new.broadcast:
        raise CommandError("PREFIX option requires BCAST mode to be enabled")
    if old is not None and old.broadcast != new.broadcast:
        raise CommandError(f"You can't switch BCAST mode on/off {_SWITCHED}")
    if new.broadcast and (new.opt_in or new.opt_out):
        raise CommandError("OPTIN and OPTOUT are not compatible with BCAST")
    if new.opt_in and new.opt_out:
        raise CommandError("You can't specify both OPTIN mode and OPTOUT mode")
    if old is not None and ((new.opt_in and old.opt_out) or (new.opt_out and old.opt_in)):
        raise CommandError(f"You can't switch OPTIN/OPTOUT mode {_SWITCHED}")


def _check_prefixes(prefixes: Sequence[bytes], old: Tracking | None) -> None:
    """No key may be told twice."""
    for position, prefix in enumerate(prefixes):
        for existing in sorted(old.prefixes) if old is not None else ():
            if _overlap(prefix, existing):
                raise CommandError(f"Prefix '{decode(prefix)}' overlaps with an existing prefix '{decode(existing)}'. {_OVERLAPS}")
        for other in prefixes[position + 1 :]:
            if _overlap(prefix, other):
                raise CommandError(f"Prefix '{decode(prefix)}' overlaps with another provided prefix '{decode(other)}'. {_OVERLAPS}")


def _overlap(one: bytes, other: bytes) -> bool:
    return one.startswith(other) or other.startswith(one)
