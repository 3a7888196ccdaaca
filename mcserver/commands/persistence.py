"""SAVE and its like. Every write is logged before it is acknowledged, so that there is never anything unsaved: what these add is that
nothing acknowledged so far is lost in a power cut, where `durability` is everysec and the last second might be."""

from mcserver.context import Call
from mcserver.table import Family
from protocol.arguments import Options, flag
from protocol.reply import OK, Status

__all__ = ["family"]

family = Family("server")

_FLAGS = "no_async_loading admin noscript"
_SCHEDULE = Options(SCHEDULE=flag)


@family.command("SAVE", "", summary="Waits until everything acknowledged is on disk.", flags=f"{_FLAGS} no_multi")
def save(call: Call) -> object:
    """Reply: OK."""
    return _save(call)


@family.command("BGSAVE", "[SCHEDULE]", summary="Begins to bring everything acknowledged onto the disk.", flags=_FLAGS)
def save_in_background(call: Call) -> object:
    """Reply: a status. INFO persistence tells how it ended."""
    call.arguments.options(_SCHEDULE)
    call.context.saving.start()
    return Status("Background saving started")


@family.command("BGREWRITEAOF", "", summary="As BGSAVE: the log is rewritten into the database all the time.", flags=_FLAGS)
def rewrite_log(call: Call) -> object:
    """Reply: a status."""
    call.context.saving.start()
    return Status("Background append only file rewriting started")


@family.command(
    "LASTSAVE",
    "",
    summary="Returns when SAVE or BGSAVE ended last, or the server started, in seconds since the epoch.",
    flags="loading stale fast",
    categories="admin dangerous",
)
def last_save(call: Call) -> object:
    """Reply: an integer."""
    return int(call.context.saving.last)


async def _save(call: Call) -> object:
    await call.context.saving.save()
    return OK
