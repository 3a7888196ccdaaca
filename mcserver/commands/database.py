"""SWAPDB: there is one database, numbered 0."""

from mcserver.context import Call
from mcserver.table import Family
from protocol.errors import DB_OUT_OF_RANGE, CommandError
from protocol.number import parse_integer
from protocol.reply import OK

__all__ = ["family"]

family = Family("server")

_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1


@family.command(
    "SWAPDB", "index1 index2", summary="Swaps two databases: there is one.", flags="write fast", categories="keyspace dangerous"
)
def swap(call: Call) -> object:
    """Reply: OK for database 0 with itself."""
    for which, word in zip(("first", "second"), call.words[1:], strict=True):
        index = parse_integer(word)
        if index is None or not _INT_MIN <= index <= _INT_MAX:
            raise CommandError(f"invalid {which} DB index")
    if any(parse_integer(word) for word in call.words[1:]):
        raise CommandError(DB_OUT_OF_RANGE)
    return OK
