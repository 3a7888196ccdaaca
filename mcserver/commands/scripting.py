"""FUNCTION and SCRIPT as far as they have a true answer where nothing can be scripted: there is nothing to list, nothing to remove."""

from mcserver.context import Call
from mcserver.table import Family
from protocol.arguments import Arguments
from protocol.errors import CommandError, wrong_subcommand_arity
from protocol.reply import OK

__all__ = ["family"]

family = Family("scripting")

_MODES = {b"sync", b"async"}

family.container("FUNCTION", summary="A container for commands on functions: there are none.", categories="scripting")
family.container("SCRIPT", summary="A container for commands on scripts: there are none.", categories="scripting")


@family.command(
    "FUNCTION|FLUSH", "[ASYNC | SYNC]", summary="Removes all functions.", flags="write noscript", categories="scripting", writes=False
)
def flush_functions(call: Call) -> object:
    """Reply: OK."""
    if len(call.arguments) > 1:
        raise wrong_subcommand_arity("function", call.words[1])
    _check_mode(call.arguments, "FUNCTION FLUSH only supports SYNC|ASYNC option")
    return OK


@family.command(
    "FUNCTION|LIST",
    "[LIBRARYNAME library-name-pattern] [WITHCODE]",
    summary="Lists the functions.",
    flags="noscript",
    categories="scripting",
)
def list_functions(call: Call) -> object:
    """Reply: an empty array."""
    arguments, seen = call.arguments, set[str]()
    while len(arguments):
        if "WITHCODE" not in seen and arguments.match("WITHCODE"):
            seen.add("WITHCODE")
        elif "LIBRARYNAME" not in seen and arguments.match("LIBRARYNAME"):
            seen.add("LIBRARYNAME")
            _take_pattern(arguments)
        else:
            raise CommandError(f"Unknown argument {arguments.pop().decode('utf-8', 'surrogateescape')}")
    return []


@family.command("SCRIPT|FLUSH", "[ASYNC | SYNC]", summary="Removes all scripts.", flags="noscript", categories="scripting")
def flush_scripts(call: Call) -> object:
    """Reply: OK."""
    _check_mode(call.arguments, "SCRIPT FLUSH only support SYNC|ASYNC option")
    return OK


@family.command(
    "SCRIPT|EXISTS",
    "sha1 [sha1 ...]",
    summary="Tells which scripts are known.",
    complexity="O(N) with N digests",
    flags="noscript",
    categories="scripting",
)
def know_scripts(call: Call) -> object:
    """Reply: an array of zeros."""
    return [0] * len(call.arguments)


def _take_pattern(arguments: Arguments) -> None:
    if not len(arguments):
        raise CommandError("library name argument was not given")
    arguments.pop()


def _check_mode(arguments: Arguments, refusal: str) -> None:
    """`refusal` is what Redis says to another word."""
    if len(arguments) > 1 or (len(arguments) and arguments.pop().lower() not in _MODES):
        raise CommandError(refusal)
