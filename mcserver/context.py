"""What a command can reach: the server's parts, the client it runs for, and the call itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcserver.cache import SemanticCache
from mcserver.process import resident_bytes
from mcserver.settings import Settings
from mcserver.statistics import ServerStatistics
from mcserver.table import Command, Job, Table
from protocol.arguments import Arguments

if TYPE_CHECKING:
    from storage.seams import Transaction

__all__ = ["Call", "Client", "Context", "Queued", "Result"]

Result = object | Awaitable[object] | Job


@dataclass(frozen=True, slots=True)
class Queued:
    """A command that waits for EXEC."""

    command: Command
    words: list[bytes]


@dataclass(slots=True, eq=False)
class Client:
    """A connected client as CLIENT LIST shows it. Times are seconds since the epoch."""

    id: int
    address: str
    local_address: str
    fd: int
    created: float
    last_active: float
    authenticated: bool
    close: Callable[[], None]
    buffered: Callable[[], tuple[int, int]]
    protocol: int = 2
    name: str = ""
    user: str = "default"
    library_name: str = ""
    library_version: str = ""
    last_command: str = "NULL"
    transaction: list[Queued] | None = None
    transaction_failed: bool = False
    closing: bool = False

    def leave_transaction(self) -> None:
        """Forget what MULTI began."""
        self.transaction = None
        self.transaction_failed = False


@dataclass(slots=True)
class Context:
    """The running server, as its commands see it. `loading` is true until store and index are open."""

    settings: Settings
    cache: SemanticCache
    commands: Table
    statistics: ServerStatistics
    shutdown: Callable[[], None]
    started: float
    run_id: str
    port: int
    loading: bool = True
    memory_at_start: int = field(default_factory=resident_bytes)
    clients: dict[int, Client] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """One execution of a command. `now` is milliseconds since the epoch, read once; `words` is the request as it came.

    within: the transaction of the EXEC that this call is part of. queued: whether it is part of one at all.
    """

    context: Context
    client: Client
    command: Command
    words: list[bytes]
    arguments: Arguments
    now: int
    queued: bool = False
    within: "Transaction | None" = None

    @property
    def cache(self) -> SemanticCache:
        """The semantic cache."""
        return self.context.cache
