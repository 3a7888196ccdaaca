"""What a command can reach: the server's parts, the client it runs for, and the call itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from mcserver.access import Access, User
from mcserver.cache import SemanticCache
from mcserver.pause import Pause
from mcserver.process import resident_bytes
from mcserver.pubsub.channels import NAME_OVERHEAD, Channels
from mcserver.pubsub.notifications import Notifications
from mcserver.saving import Saving
from mcserver.settings import Settings
from mcserver.table import Command, Job, Table
from mcserver.telemetry.latency import LatencyMonitor
from mcserver.telemetry.monitors import Monitors
from mcserver.telemetry.slowlog import Slowlog
from mcserver.telemetry.statistics import ServerStatistics
from mcserver.tracking import Tracking, TrackingTable
from protocol.arguments import Arguments
from protocol.reply import encode

if TYPE_CHECKING:
    from storage.seams import Transaction

__all__ = ["Buffers", "Call", "Client", "Context", "Link", "Queued", "Replies", "Result"]

EXACT_MICROSECONDS = 1000
"""No answer from memory takes longer: only a slow log that asks for less has to look at them."""

WORD_OVERHEAD = 48
"""Memory of a word that is kept, beside its bytes."""

Result = object | Awaitable[object] | Job


@dataclass(frozen=True, slots=True)
class Queued:
    """A command that waits for EXEC."""

    command: Command
    words: list[bytes]


class Buffers(NamedTuple):
    """Bytes held for a connection: of requests that are not done yet, and of what the client has not read yet."""

    received: int
    unread: int


class Link(Protocol):
    """What a client's commands, and those of others, may do to its connection."""

    def close(self) -> None:
        """Take no more commands; close when the replies owed are sent."""

    def abort(self) -> None:
        """Close now, whatever is owed."""

    def push(self, data: bytes) -> None:
        """Send encoded bytes that are no reply, after the replies to the commands received before."""

    def buffers(self) -> Buffers:
        """What is held for the connection."""

    def disturb(self) -> None:
        """Something changed that decides how the client's commands run (its user, a monitor, a pause): look at it again."""


class Replies(Enum):
    """What CLIENT REPLY says: whether the client wants replies."""

    ON = "on"
    OFF = "off"
    SKIP = "skip"
    """None to the next command."""
    SKIPPING = "skipping"
    """None to this one."""


@dataclass(slots=True, eq=False)
class Client:
    """A connected client as CLIENT LIST shows it. Times are seconds since the epoch.

    watched: the state of each watched model at WATCH. held: waits for the end of a CLIENT PAUSE. unix: came over a unix socket.
    """

    id: int
    address: str
    local_address: str
    fd: int
    created: float
    last_active: float
    user: User
    authenticated: bool
    link: Link
    unix: bool = False
    protocol: int = 2
    name: str = ""
    library_name: str = ""
    library_version: str = ""
    last_command: str = "NULL"
    transaction: list[Queued] | None = None
    transaction_failed: bool = False
    transaction_bytes: int = 0
    watched_bytes: int = 0
    subscription_bytes: int = 0
    watched: dict[str, object] = field(default_factory=dict)
    channels: dict[bytes, None] = field(default_factory=dict)
    patterns: dict[bytes, None] = field(default_factory=dict)
    shard_channels: dict[bytes, None] = field(default_factory=dict)
    tracking: Tracking | None = None
    monitoring: bool = False
    replies: Replies = Replies.ON
    no_evict: bool = False
    no_touch: bool = False
    held: bool = False
    closing: bool = False

    @property
    def subscriptions(self) -> int:
        """Channels and patterns subscribed to, without those of shards, as SUBSCRIBE counts them."""
        return len(self.channels) + len(self.patterns)

    @property
    def subscribed(self) -> bool:
        """Whether the client is one of publish/subscribe."""
        return bool(self.channels or self.patterns or self.shard_channels)

    def leave_transaction(self) -> None:
        """Forget what MULTI and WATCH began."""
        self.transaction = None
        self.transaction_failed = False
        self.transaction_bytes = 0
        self.unwatch()

    def watch(self, name: str, state: object) -> None:
        """Keep the state of a model for EXEC; where it is watched already, that of the first time counts."""
        if name not in self.watched:
            self.watched[name] = state
            self.watched_bytes += len(name) + NAME_OVERHEAD

    def unwatch(self) -> None:
        """Forget what WATCH said."""
        self.watched.clear()
        self.watched_bytes = 0

    @property
    def kept_bytes(self) -> int:
        """Memory that holds what the client asked to be kept for it."""
        tracking_bytes = self.tracking.prefix_bytes if self.tracking else 0
        return self.transaction_bytes + self.watched_bytes + self.subscription_bytes + tracking_bytes

    def queue(self, command: Command, words: list[bytes]) -> None:
        """Keep a command for EXEC. Only after MULTI."""
        cast(list[Queued], self.transaction).append(Queued(command, words))
        self.transaction_bytes += sum(map(len, words)) + WORD_OVERHEAD * len(words)

    @property
    def redirection(self) -> int:
        """The client that is told of changes in this one's stead (CLIENT TRACKING), 0 where none is, -1 where this one does not ask."""
        return -1 if self.tracking is None else self.tracking.redirect

    def push(self, value: object) -> None:
        """Send a value that is no reply: a message, a line of MONITOR."""
        self.link.push(encode(value, self.protocol))


@dataclass(slots=True)
class Context:
    """The running server, as its commands see it. `loading` is true until store and index are open.

    clients: by id. holding: those whose connections hold much in their buffers, so that sums need not ask every connection.
    """

    settings: Settings
    cache: SemanticCache
    commands: Table
    statistics: ServerStatistics
    shutdown: Callable[[], None]
    started: float
    run_id: str
    loading: bool = True
    memory_at_start: int = field(default_factory=resident_bytes)
    clients: dict[int, Client] = field(default_factory=dict)
    holding: dict[int, Client] = field(default_factory=dict)
    access: Access = field(init=False)
    monitors: Monitors = field(init=False)
    pause: Pause = field(init=False)
    channels: Channels = field(init=False)
    notifications: Notifications = field(init=False)
    tracking: TrackingTable = field(init=False)
    slowlog: Slowlog = field(init=False)
    latency: LatencyMonitor = field(init=False)
    saving: Saving = field(init=False)
    replication_id: str = field(init=False)
    cron_paused: bool = False

    def __post_init__(self) -> None:
        self.access = Access(self.settings, self.commands, self.statistics, self.cache.clock)
        self.settings.subscribe("slowlog-log-slower-than", self.disturb)
        self.monitors = Monitors()
        self.pause = Pause(self.cache.clock)
        self.channels = Channels()
        self.notifications = Notifications(self.settings, self.cache.changes, self.channels)
        self.tracking = TrackingTable(self.settings, self.cache.changes, self.clients)
        self.slowlog = Slowlog(self.settings)
        self.latency = LatencyMonitor(self.settings)
        self.cache.observe = lambda event, seconds: self.latency.note(event, int(seconds * 1000), self.cache.now())
        self.saving = Saving(self.cache.sync, self.cache.clock, started=self.started)
        self.replication_id = self.run_id
        self.settings.subscribe("latency-tracking", self._track_latency)
        self._track_latency()

    @property
    def port(self) -> int:
        """The port that clients are told of."""
        return self.settings.port or self.settings.tls_port

    def watches(self, client: Client) -> bool:
        """Whether somebody wants to know of the client's commands, or has them wait, so that none may be answered from memory alone."""
        if client.tracking is not None or self.monitors or self.pause.active:
            return True
        return 0 <= self.settings.slowlog_log_slower_than < EXACT_MICROSECONDS

    def forget(self, client: Client) -> None:
        """The client has gone."""
        self.clients.pop(client.id, None)
        self.holding.pop(client.id, None)
        self.monitors.remove(client)
        self.pause.forget(client)
        self.channels.forget(client)
        self.tracking.disable(client)

    def _track_latency(self) -> None:
        self.statistics.track(self.settings.latency_tracking)

    def disturb(self) -> None:
        """Have every connection look again at how its commands run: see Link.disturb."""
        for client in self.clients.values():
            client.link.disturb()


@dataclass(slots=True)
class Call:
    """One execution of a command. `now` is milliseconds since the epoch, read once; `words` is the request as it came.

    within: the transaction of the EXEC that this call is part of. queued: whether it is part of one at all.
    tracked: whether what it reads is remembered for the client (CLIENT TRACKING).
    """

    context: Context
    client: Client
    command: Command
    words: list[bytes]
    arguments: Arguments
    now: int
    queued: bool = False
    tracked: bool = False
    within: "Transaction | None" = None

    @property
    def cache(self) -> SemanticCache:
        """The semantic cache."""
        return self.context.cache

    def answers_seen(self) -> tuple[int, int]:
        """How many answers of models that the client may know of are in memory, and their bytes."""
        exact, user = self.cache.exact, self.client.user
        return (len(exact), exact.bytes) if user.sees_all else exact.share(state.id for state in self.cache.models.seen(user))
