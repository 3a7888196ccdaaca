"""LOLWUT: what this server says of itself."""

from mcserver import __version__
from mcserver.context import Call
from mcserver.table import Family
from mcserver.version import REDIS_VERSION
from protocol.arguments import integer
from protocol.reply import Verbatim

__all__ = ["family"]

family = Family("server")

_NOTHING_TO_SEE = 2
"""Words of LOLWUT from which on a VERSION is one."""


@family.command("LOLWUT", "[VERSION version]", summary="Says what this is.", flags="readonly fast", words=-1)
def say(call: Call) -> object:
    """Reply: text that ends with the Redis whose replies are followed."""
    if len(call.arguments) >= _NOTHING_TO_SEE and call.arguments.match("VERSION"):
        call.arguments.take("version", integer())
    return Verbatim(f"mcserver {__version__}: asked before, in other words.\nRedis ver. {REDIS_VERSION}\n")
