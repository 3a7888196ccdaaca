"""MONITOR: see what all clients do."""

from mcserver.context import Call
from mcserver.table import Family
from protocol.reply import OK

__all__ = ["family"]

family = Family("server")


@family.command("MONITOR", "", summary="Shows every command that the server runs, as it runs it.", flags="admin noscript loading stale")
def monitor(call: Call) -> object:
    """Reply: OK, then a line per command until RESET or QUIT: time, client, words. Passwords are not shown."""
    call.context.monitors.add(call.client)
    call.context.disturb()
    return OK
