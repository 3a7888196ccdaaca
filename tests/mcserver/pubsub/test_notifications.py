"""Keyspace notifications as subscribers see them."""

import pytest

from mcserver.cache.upkeep import Upkeep
from tests.mcserver.parts import Parts, Peer, Tcp, error_text


@pytest.fixture
async def listener(tcp: Tcp) -> Peer:
    """Subscribed to everything."""
    peer = await tcp.connect()
    await peer.ask("PSUBSCRIBE", "*")
    return peer


async def heard(tcp: Tcp, listener: Peer) -> list[tuple[str, str]]:
    """What was published since the last time, up to a message that marks the end."""
    tcp.parts.context.channels.publish(b"end", b"")
    messages = []
    while (message := await listener.reply())[2] != b"end":
        messages.append((message[2].decode(), message[3].decode()))
    return messages


async def switch(peer: Peer, flags: str) -> None:
    assert await peer.ask("CONFIG", "SET", "notify-keyspace-events", flags) == b"OK"


async def test_none_at_first(tcp: Tcp, peer: Peer, listener: Peer):
    await peer.ask("MC.SET", "m", "q", "a")
    assert await heard(tcp, listener) == []


async def test_both_ways(tcp: Tcp, peer: Peer, listener: Peer):
    await peer.ask("MC.CREATE", "m")
    await switch(peer, "KEA")
    await peer.ask("MC.SET", "m", "q", "a")
    assert await heard(tcp, listener) == [("__keyspace@0__:m", "set"), ("__keyevent@0__:set", "m")]
    await switch(peer, "KA")
    await peer.ask("MC.SET", "m", "q", "a")
    assert await heard(tcp, listener) == [("__keyspace@0__:m", "set")]
    await switch(peer, "EA")
    await peer.ask("MC.SET", "m", "q", "a")
    assert await heard(tcp, listener) == [("__keyevent@0__:set", "m")]
    await switch(peer, "")
    await peer.ask("MC.SET", "m", "q", "a")
    assert await heard(tcp, listener) == []


@pytest.mark.parametrize("flags", ["A", "K", "E", "Kx", "El"])
async def test_neither_way_or_no_class_is_silence(flags: str, tcp: Tcp, peer: Peer, listener: Peer):
    await switch(peer, flags)
    await peer.ask("MC.SET", "m", "q", "a")
    assert await heard(tcp, listener) == []


async def events(flags: str, tcp: Tcp, peer: Peer, listener: Peer) -> list[str]:
    """Everything that can happen to a model, told in these classes."""
    await switch(peer, f"E{flags}")
    number = await peer.ask("MC.SET", "m", "q", "a", "TAGS", 1, "t", "WITHID")
    await peer.ask("MC.EXPIRE", "m", number, 100)
    await peer.ask("MC.PERSIST", "m", number)
    await peer.ask("MC.DEL", "m", number)
    await peer.ask("MC.SET", "m", "q", "a", "EX", 1)
    tcp.parts.clock.seconds += 2
    await Upkeep(tcp.parts.cache, tcp.parts.settings, tcp.parts.context.statistics).sweep()
    await peer.ask("MC.TRUNCATE", "m")
    await peer.ask("MC.CONFIG", "SET", "m", "threshold", "0.5")
    await peer.ask("FLUSHALL")
    await peer.ask("MC.DROP", "m")
    messages = await heard(tcp, listener)
    assert {model for _, model in messages} <= {"m"}
    return [channel.removeprefix("__keyevent@0__:") for channel, _ in messages]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("d", "set del set truncate config truncate"),
        ("g", "expire persist del"),
        ("x", "expired"),
        ("n", "new"),
        ("xn", "new expired"),
        ("A", "set expire persist del set expired truncate config truncate del"),
        ("l$shzetm", ""),
    ],
)
async def test_classes(flags: str, told: str, tcp: Tcp, peer: Peer, listener: Peer):
    assert await events(flags, tcp, peer, listener) == told.split()


async def test_flushing_names_every_model(tcp: Tcp, peer: Peer, listener: Peer):
    await peer.ask("MC.CREATE", "m")
    await peer.ask("MC.CREATE", "n")
    await switch(peer, "Kd")
    await peer.ask("FLUSHALL")
    assert await heard(tcp, listener) == [("__keyspace@0__:m", "truncate"), ("__keyspace@0__:n", "truncate")]


async def test_a_transaction_that_fails_is_not_told(tcp: Tcp, peer: Peer, listener: Peer):
    await peer.ask("MC.CREATE", "m")
    await switch(peer, "KEA")
    tcp.parts.store.commit_fails = True
    await peer.ask("MULTI")
    await peer.ask("MC.SET", "m", "q", "a")
    error_text(await peer.ask("EXEC"))
    assert await heard(tcp, listener) == []


async def test_names_that_are_no_text(tcp: Tcp, peer: Peer, listener: Peer):
    await switch(peer, "Kd")
    assert await peer.ask("MC.SET", "modèle *", "q", "a") == b"OK"
    assert await heard(tcp, listener) == [("__keyspace@0__:modèle *", "set")]


async def test_who_may_not_know_of_a_model_is_not_told(tcp: Tcp, peer: Peer):
    """Whatever channels it may listen to."""
    await switch(peer, "KEA")
    await peer.ask("ACL", "SETUSER", "tenant", "on", "nopass", "+@all", "~team-a:*", "&*")
    tenant = await tcp.connect()
    assert await tenant.ask("AUTH", "tenant", "any") == b"OK"
    await tenant.ask("PSUBSCRIBE", "*")
    await peer.ask("MC.SET", "team-b:m", "q", "a")
    await peer.ask("MC.SET", "team-a:m", "q", "a")
    await peer.ask("FLUSHALL")
    messages = await heard(tcp, tenant)
    assert ("__keyspace@0__:team-a:m", "set") in messages
    assert not [message for message in messages if "team-b" in str(message)]


async def test_nothing_listens_while_they_are_off(parts: Parts):
    settings, changes = parts.settings, parts.cache.changes
    assert changes.listeners == []
    settings.assign([("notify-keyspace-events", "Kd")])
    settings.assign([("notify-keyspace-events", "KEd")])
    assert len(changes.listeners) == 1
    settings.assign([("notify-keyspace-events", "d")])
    assert changes.listeners == []
