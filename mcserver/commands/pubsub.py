"""SUBSCRIBE, PUBLISH and PUBSUB: messages between clients, with patterns and of shards."""

from collections.abc import Callable

from mcserver.context import Call, Client
from mcserver.pubsub.channels import Subscriptions
from mcserver.table import Family
from protocol.errors import CommandError, wrong_subcommand_arity
from protocol.reply import Push, Several

__all__ = ["family"]

family = Family("pubsub")

_SUBSCRIBING = "pubsub noscript loading stale"
_PUBLISHING = "pubsub loading stale fast"
_SHOWING = "pubsub loading stale"


@family.command(
    "SUBSCRIBE",
    "channel [channel ...]",
    summary="Listens to channels.",
    complexity="O(N) with N channels",
    flags=_SUBSCRIBING,
    categories="pubsub",
)
def subscribe(call: Call) -> object:
    """Reply: for each channel a message that tells how many channels and patterns the client now listens to."""
    return _subscribe(call, call.context.channels.channels, _count)


@family.command(
    "PSUBSCRIBE",
    "pattern [pattern ...]",
    summary="Listens to the channels that patterns fit.",
    complexity="O(N) with N patterns",
    flags=_SUBSCRIBING,
    categories="pubsub",
)
def subscribe_to_patterns(call: Call) -> object:
    """Reply: as of SUBSCRIBE, for each pattern."""
    return _subscribe(call, call.context.channels.patterns, _count)


@family.command(
    "SSUBSCRIBE",
    "shardchannel [shardchannel ...]",
    summary="Listens to shard channels.",
    complexity="O(N) with N shard channels",
    flags=_SUBSCRIBING,
    categories="pubsub",
    key="not_key",
)
def subscribe_to_shards(call: Call) -> object:
    """Reply: for each channel a message that tells how many shard channels the client now listens to. As in Redis not inside MULTI."""
    if call.queued:
        raise CommandError("SSUBSCRIBE isn't allowed for a DENY BLOCKING client")
    return _subscribe(call, call.context.channels.shard_channels, _count_shards)


@family.command(
    "UNSUBSCRIBE",
    "[channel [channel ...]]",
    summary="Stops listening to channels; without one, to all of them.",
    complexity="O(N) with N channels",
    flags=_SUBSCRIBING,
    categories="pubsub",
)
def unsubscribe(call: Call) -> object:
    """Reply: as of SUBSCRIBE; one message with nil for the channel where there was none."""
    return _unsubscribe(call, call.context.channels.channels, _count)


@family.command(
    "PUNSUBSCRIBE",
    "[pattern [pattern ...]]",
    summary="Stops listening to channels that patterns fit; without one, to all patterns.",
    complexity="O(N) with N patterns",
    flags=_SUBSCRIBING,
    categories="pubsub",
)
def unsubscribe_from_patterns(call: Call) -> object:
    """Reply: as of UNSUBSCRIBE."""
    return _unsubscribe(call, call.context.channels.patterns, _count)


@family.command(
    "SUNSUBSCRIBE",
    "[shardchannel [shardchannel ...]]",
    summary="Stops listening to shard channels; without one, to all of them.",
    complexity="O(N) with N shard channels",
    flags=_SUBSCRIBING,
    categories="pubsub",
    key="not_key",
)
def unsubscribe_from_shards(call: Call) -> object:
    """Reply: as of UNSUBSCRIBE, with the number of shard channels."""
    return _unsubscribe(call, call.context.channels.shard_channels, _count_shards)


@family.command(
    "PUBLISH",
    "channel message",
    summary="Sends a message to a channel.",
    complexity="O(N+M) with N clients that listen to the channel and M patterns",
    flags=_PUBLISHING,
    categories="pubsub",
)
def publish(call: Call) -> object:
    """Reply: how often it was sent, an integer."""
    return call.context.channels.publish(call.words[1], call.words[2])


@family.command(
    "SPUBLISH",
    "shardchannel message",
    summary="Sends a message to a shard channel.",
    complexity="O(N) with N clients that listen to it",
    flags=_PUBLISHING,
    categories="pubsub",
    key="not_key",
)
def publish_to_shard(call: Call) -> object:
    """Reply: how often it was sent, an integer."""
    return call.context.channels.publish_to_shard(call.words[1], call.words[2])


family.container("PUBSUB", summary="A container for commands on publish/subscribe.")


@family.command(
    "PUBSUB|CHANNELS",
    "[pattern]",
    summary="Lists the channels that somebody listens to.",
    complexity="O(N) with N channels",
    flags=_SHOWING,
    categories="pubsub",
)
def list_channels(call: Call) -> object:
    """Reply: an array."""
    return _list(call, call.context.channels.channels)


@family.command(
    "PUBSUB|NUMSUB",
    "[channel [channel ...]]",
    summary="Counts who listens to channels, not by a pattern.",
    complexity="O(N) with N channels",
    flags=_SHOWING,
    categories="pubsub",
)
def count_subscribers(call: Call) -> object:
    """Reply: an array of names, each with its number."""
    return _count_clients(call, call.context.channels.channels)


@family.command("PUBSUB|NUMPAT", "", summary="Counts the patterns that somebody listens by.", flags=_SHOWING, categories="pubsub")
def count_patterns(call: Call) -> object:
    """Reply: an integer."""
    return len(call.context.channels.patterns)


@family.command(
    "PUBSUB|SHARDCHANNELS",
    "[pattern]",
    summary="Lists the shard channels that somebody listens to.",
    complexity="O(N) with N shard channels",
    flags=_SHOWING,
    categories="pubsub",
)
def list_shard_channels(call: Call) -> object:
    """Reply: an array."""
    return _list(call, call.context.channels.shard_channels)


@family.command(
    "PUBSUB|SHARDNUMSUB",
    "[shardchannel [shardchannel ...]]",
    summary="Counts who listens to shard channels.",
    complexity="O(N) with N shard channels",
    flags=_SHOWING,
    categories="pubsub",
)
def count_shard_subscribers(call: Call) -> object:
    """Reply: an array of names, each with its number."""
    return _count_clients(call, call.context.channels.shard_channels)


def _count(client: Client) -> int:
    return client.subscriptions


def _count_shards(client: Client) -> int:
    return len(client.shard_channels)


def _subscribe(call: Call, subscriptions: Subscriptions, count: Callable[[Client], int]) -> Several:
    messages = []
    for name in call.words[1:]:
        subscriptions.add(call.client, name)
        messages.append(Push([call.command.name, name, count(call.client)]))
    return Several(messages)


def _unsubscribe(call: Call, subscriptions: Subscriptions, count: Callable[[Client], int]) -> Several:
    messages = []
    for name in call.words[1:] or subscriptions.of(call.client):
        subscriptions.remove(call.client, name)
        messages.append(Push([call.command.name, name, count(call.client)]))
    return Several(messages or [Push([call.command.name, None, count(call.client)])])


def _list(call: Call, subscriptions: Subscriptions) -> list[bytes]:
    """The names that the user may use itself: the name of a channel may tell of a model that it may not know of."""
    hears = call.client.user.hears
    match call.words[2:]:
        case []:
            return [name for name in subscriptions if hears(name)]
        case [pattern]:
            return [name for name in subscriptions.matching(pattern) if hears(name)]
    raise wrong_subcommand_arity("pubsub", call.words[1])


def _count_clients(call: Call, subscriptions: Subscriptions) -> list[object]:
    hears = call.client.user.hears
    return [item for name in call.words[2:] for item in (name, len(subscriptions.clients(name)) if hears(name) else 0)]
