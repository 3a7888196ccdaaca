"""CONFIG, TIME and SHUTDOWN: the server as a whole."""

import logging

from mcserver.context import Call
from mcserver.settings import is_secret, rewrite
from mcserver.table import Family
from mcserver.telemetry.redaction import REDACTED
from protocol.arguments import Options, flag
from protocol.errors import SYNTAX_ERROR, CommandError
from protocol.reply import OK, Raw
from protocol.text import decode

__all__ = ["family"]

family = Family("server")

_log = logging.getLogger("mcserver")

_ADMIN = "admin noscript loading stale"
_SHUTDOWN = Options(NOSAVE=flag, SAVE=flag, NOW=flag, FORCE=flag, ABORT=flag, exclusive=[("NOSAVE", "SAVE")])

family.container("CONFIG", summary="A container for commands on the server's settings.")


@family.command(
    "CONFIG|GET",
    "parameter [parameter ...]",
    summary="Shows settings, by names or glob patterns.",
    complexity="O(N) with N settings times the patterns",
    flags=_ADMIN,
)
def show_settings(call: Call) -> object:
    """Reply: a map of names and values. Secrets are for those who may also change them."""
    found = call.context.settings.describe([decode(word) for word in call.words[2:]])
    change = call.context.commands.named("config|set")
    if change is not None and not call.client.user.may(change):
        found |= {name: REDACTED.decode() for name, value in found.items() if value and is_secret(name)}
    return found


@family.command(
    "CONFIG|SET",
    "parameter value [parameter value ...]",
    summary="Changes settings until the server ends: all of them, or none.",
    complexity="O(N) with N settings",
    flags=_ADMIN,
)
def change_settings(call: Call) -> object:
    """Reply: OK."""
    texts = [decode(word) for word in call.words[2:]]
    if len(texts) % 2:
        raise CommandError(SYNTAX_ERROR)
    call.context.settings.assign(list(zip(texts[::2], texts[1::2], strict=True)))
    return OK


@family.command(
    "CONFIG|REWRITE", "", summary="Writes the settings in force back into the file that the server was started with.", flags=_ADMIN
)
def rewrite_settings(call: Call) -> object:
    """Reply: OK. Comments and order of the file stay."""
    path = rewrite(call.context.settings, call.context.access.amend)
    _log.info("event=settings-written file=%s", path)
    return OK


@family.command("CONFIG|RESETSTAT", "", summary="Sets the counters of INFO back to zero.", flags=_ADMIN)
def reset_statistics(call: Call) -> object:
    """Reply: OK. Those of the models too."""
    call.context.statistics.reset()
    call.context.saving.count = 0
    for counters in call.cache.models.statistics():
        counters.reset()
    return OK


@family.command("TIME", "", summary="Returns the server's time.", flags="loading stale fast")
def time(call: Call) -> object:
    """Reply: seconds since the epoch, and the microseconds of the current one."""
    seconds, microseconds = divmod(int(call.cache.clock() * 1_000_000), 1_000_000)
    return [str(seconds), str(microseconds)]


@family.command(
    "SHUTDOWN",
    "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
    summary="Ends the server in order: what has been accepted is finished first.",
    complexity="O(1), plus the requests under way",
    flags="admin noscript loading stale no_multi",
)
def shut_down(call: Call) -> object:
    """No reply: the connection is closed. Everything is on disk already, so that the options on saving make no difference."""
    options = call.arguments.options(_SHUTDOWN)
    if "ABORT" in options:
        raise CommandError("No shutdown in progress." if len(options) == 1 else SYNTAX_ERROR)
    call.client.closing = True
    call.context.shutdown()
    return Raw(b"")
