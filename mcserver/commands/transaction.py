"""MULTI, EXEC, DISCARD and WATCH: what is queued takes effect in one step, or not at all where a watched model has changed."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import cast

from mcserver.cache.models import name_of
from mcserver.context import Call, Context, Queued, Result
from mcserver.dispatch import account, call_of, wire_error
from mcserver.table import Family, Job
from protocol.errors import CommandError, transaction_aborted
from protocol.reply import NULL_ARRAY, OK
from storage.errors import StorageError
from storage.seams import Transaction

__all__ = ["family"]

family = Family("transactions")


@family.command("MULTI", "", summary="Starts a transaction.", flags="noscript loading stale fast")
def multi(call: Call) -> object:
    """Reply: OK; the commands that follow are queued."""
    if call.client.transaction is not None:
        raise CommandError("MULTI calls can not be nested")
    call.client.transaction = []
    return OK


@family.command(
    "DISCARD", "", summary="Forgets the queued commands.", flags="noscript loading stale fast", complexity="O(N) with N commands"
)
def discard(call: Call) -> object:
    """Reply: OK."""
    if call.client.transaction is None:
        raise CommandError("DISCARD without MULTI")
    call.client.leave_transaction()
    return OK


@family.command(
    "EXEC",
    "",
    summary="Runs the queued commands in one step.",
    flags="noscript loading stale skip_slowlog",
    writes=True,
    complexity="that of the commands",
)
def execute(call: Call) -> Result:
    """Reply: an array of the commands' replies. A command that could not be queued makes it refuse them all."""
    client = call.client
    queued, failed, watched = client.transaction, client.transaction_failed, dict(client.watched)
    if queued is None:
        raise CommandError("EXEC without MULTI")
    client.leave_transaction()
    if failed:
        raise transaction_aborted()
    return Transactional(call, queued, watched)


@family.command(
    "WATCH",
    "key [key ...]",
    summary="Has EXEC do nothing where one of these models has changed by then.",
    flags="noscript loading stale fast",
    categories="transaction",
    key="RO",
    complexity="O(N) with N models",
)
def watch(call: Call) -> object:
    """Reply: OK. A model changes when an entry is set, removed or expires, when it is truncated, made, dropped or configured."""
    if call.client.transaction is not None:
        raise CommandError("WATCH inside MULTI is not allowed")
    for word in call.words[1:]:
        name = name_of(word)
        call.client.watch(name, call.cache.models.state_of(name))
    return OK


@family.command("UNWATCH", "", summary="Forgets what WATCH said.", flags="noscript loading stale fast", complexity="O(N) with N models")
def unwatch(call: Call) -> object:
    """Reply: OK."""
    call.client.unwatch()
    return OK


class Transactional(Job):
    """The commands of one EXEC. Texts are embedded first; then all commands run with nothing of another client in between."""

    def __init__(self, call: Call, queued: list[Queued], watched: Mapping[str, object]) -> None:
        """`watched`: the state of each watched model at WATCH."""
        self._context: Context = call.context
        self._client = call.client
        self._tracking = call.client.tracking
        self._tracked = call.tracked
        self._watched = watched
        self._calls = [call_of(call.context, call.client, one.command, one.words) for one in queued]
        for one in self._calls:
            one.queued, one.now = True, call.now
        self._jobs: dict[int, Job] = {}
        self._errors: dict[int, CommandError] = {}

    @property
    def serial(self) -> bool:
        """Later writes wait: its commands may change models, and take their turns one after the other."""
        return True

    async def prepare(self) -> None:
        """Build the jobs and prepare them side by side. What fails here fails as one reply of EXEC, as in Redis."""
        for position, call in enumerate(self._calls):
            if call.command.deferred:
                try:
                    job = call.command.run(call)
                except Exception as error:  # noqa: BLE001 - becomes the reply of this command, as in dispatch
                    self._errors[position] = wire_error(error, call.command.name)
                else:
                    self._jobs[position] = cast(Job, job)
        results = await asyncio.gather(*(job.prepare() for job in self._jobs.values()), return_exceptions=True)
        for position, result in zip(list(self._jobs), results, strict=True):
            if isinstance(result, BaseException):
                self._errors[position] = wire_error(result, self._calls[position].command.name)

    def start(self, within: Transaction | None = None) -> Awaitable[object]:
        """Run them; EXEC cannot be inside another."""
        return self._run()

    async def _run(self) -> object:
        if not self._watched and not any(call.command.deferred or "readonly" in call.command.flags for call in self._calls):
            return await self._replies(None)
        try:
            async with self._context.cache.transaction() as transaction:
                return NULL_ARRAY if self._changed() else await self._replies(transaction)
        except StorageError:
            if any(call.command.writes for call in self._calls):
                raise
            # Without a store every lookup is a miss, or known to memory.
            return NULL_ARRAY if self._changed() else await self._replies(None)

    def _changed(self) -> bool:
        """Whether a watched model is not what it was at WATCH."""
        models = self._context.cache.models
        return any(models.state_of(name) != state for name, state in self._watched.items())

    def _track(self, call: Call) -> None:
        """What CLIENT CACHING said before MULTI holds for all commands; what CLIENT TRACKING says between them for those behind it."""
        tracking = self._client.tracking
        if tracking is not None and (self._tracked if tracking is self._tracking else tracking.wanted):
            self._context.tracking.remember(self._client, call.command, call.words)

    async def _replies(self, transaction: Transaction | None) -> object:
        return [await self._reply(position, transaction) for position in range(len(self._calls))]

    async def _reply(self, position: int, transaction: Transaction | None) -> object:
        call = self._calls[position]
        begun = self._context.cache.timer()
        result = await self._result(position, transaction)
        account(self._context, self._client, call.command, call.words, begun=begun, result=result)
        return result

    async def _result(self, position: int, transaction: Transaction | None) -> object:
        call = self._calls[position]
        denied = self._context.access.deny_queued(self._client, call.command, call.words)
        if denied is not None:
            return denied
        if position in self._errors:
            return self._errors[position]
        self._track(call)
        call.within = transaction
        try:
            job = self._jobs.get(position)
            result = job.start(transaction) if job else call.command.run(call)
            return await result if isinstance(result, Awaitable) else result
        except Exception as error:  # noqa: BLE001 - as above
            return wire_error(error, call.command.name)
