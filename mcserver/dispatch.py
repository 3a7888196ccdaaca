"""From the words of a request to a running command: name, arity, authentication, rights, MULTI; from any exception to an error reply; and
what is counted and told of a command that has ended."""

import logging
from collections.abc import Awaitable

from embedding.errors import EmbedderOverloaded, EmbeddingError
from mcserver import foreign
from mcserver.context import Call, Client, Context, Result
from mcserver.settings import SettingError
from mcserver.table import Command
from mcserver.telemetry.latency import COMMAND, FAST_COMMAND
from mcserver.telemetry.redaction import shown
from protocol.arguments import Arguments
from protocol.errors import (
    CommandError,
    authentication_required,
    loading,
    subscribed,
    unknown_subcommand,
    wrong_arity,
)
from protocol.reply import QUEUED, RESP2
from storage.errors import StorageError, StoreOverloaded

__all__ = ["account", "call_of", "execute", "queues", "resolve", "wire_error"]

_log = logging.getLogger("mcserver")

_AT_ONCE = frozenset({"exec", "discard", "multi", "watch", "quit", "reset"})
"""Commands that MULTI does not queue."""

_WHILE_SUBSCRIBED = frozenset(
    {"subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe", "ping", "quit", "reset"}
)
"""Commands that a subscriber may send in RESP2, where it could not tell other replies from messages."""


def resolve(context: Context, client: Client, words: list[bytes]) -> Command:
    """The command of these words, checked for what must hold before it may run or be queued. Raises CommandError."""
    command = context.commands.find(words[0])
    if command is None:
        raise foreign.refusal(context, client, words)
    if command.subcommands and len(words) > 1:
        sub = command.subcommands.get(words[1].decode("utf-8", "replace").lower())
        if sub is None:
            raise unknown_subcommand(words[0].decode("utf-8", "replace"), words[1])
        command = sub
    if not command.fits(len(words)):
        raise wrong_arity(command.name)
    if not (client.authenticated or "no_auth" in command.flags or context.access.default.open):
        raise authentication_required()
    if client.transaction is not None and "no_multi" in command.flags:
        raise CommandError("Command not allowed inside a transaction")
    if not client.user.unrestricted and (denied := context.access.deny(client, command, words)) is not None:
        raise denied
    if client.protocol == RESP2 and client.subscribed and command.name not in _WHILE_SUBSCRIBED:
        raise subscribed(command.name)
    if context.loading and "loading" not in command.flags:
        raise loading()
    return command


def queues(client: Client, command: Command) -> bool:
    """Whether MULTI keeps the command for EXEC."""
    return client.transaction is not None and command.name not in _AT_ONCE


def execute(context: Context, client: Client, command: Command, words: list[bytes]) -> Result:
    """Run a resolved command, or queue it inside MULTI. May raise anything: see wire_error."""
    client.last_command = command.name
    if queues(client, command):
        client.queue(command, words)
        return QUEUED
    call = call_of(context, client, command, words)
    if client.tracking is not None:
        call.tracked = context.tracking.observe(client, command, words)
    if "readonly" in command.flags and not command.deferred and context.cache.gate.closed:
        return _after_transaction(call)
    return command.run(call)


async def _after_transaction(call: Call) -> object:
    """What one command of an EXEC has done is not to be seen before all of them are: read when it has ended."""
    await call.cache.gate.opened()
    result = call.command.run(call)
    return await result if isinstance(result, Awaitable) else result


def call_of(context: Context, client: Client, command: Command, words: list[bytes]) -> Call:
    """A call of a command; the words of its name are left out of the arguments."""
    arguments = Arguments(words[2:] if "|" in command.name else words[1:])
    return Call(context, client, command, words, arguments, context.cache.now())


def account(context: Context, client: Client, command: Command, words: list[bytes], *, begun: float, result: object) -> None:
    """Count a command that has ended, and tell of it those who watch. `begun` on the cache's timer."""
    microseconds = int((context.cache.timer() - begun) * 1_000_000)
    counters = context.statistics.command(command.name)
    counters.record(microseconds)
    if isinstance(result, CommandError):
        counters.failed += 1
        context.statistics.errors[result.code] += 1
    now = context.cache.now()
    context.slowlog.note(client, command, words, microseconds, now)
    context.latency.note(FAST_COMMAND if "fast" in command.flags else COMMAND, microseconds // 1000, now)
    if context.monitors and "admin" not in command.flags:
        context.monitors.show(client, shown(command, words), context.cache.clock())


def wire_error(error: BaseException, command: str = "") -> CommandError:
    """The error reply of an exception. The one place where exceptions become wire errors."""
    match error:
        case CommandError():
            # The frames of a traceback hold the request, and whoever keeps the error as a result is one of them: a circle, that would
            # stay until the next garbage collection, with an argument of any size.
            return error.with_traceback(None)
        case SettingError():
            return CommandError(str(error))
        case EmbedderOverloaded() | StoreOverloaded():
            return CommandError(str(error), code="BUSY")
        case EmbeddingError() | StorageError():
            return CommandError(str(error), code="UNAVAILABLE")
    _log.error("event=command-failed command=%s", command, exc_info=error)
    return CommandError(f"internal error in '{command}': {type(error).__name__}; the server's log has the details")
