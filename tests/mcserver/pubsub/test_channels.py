"""Publish/subscribe over connections: order, and what stays behind."""

import asyncio
from dataclasses import replace

from tests.mcserver.parts import Parts, Peer, SilentLink, Tcp, pack, until


async def subscriber(tcp: Tcp, *channels: str, protocol: int = 2) -> Peer:
    peer = await tcp.connect()
    await peer.ask("HELLO", protocol)
    for channel in channels:
        await peer.ask("SUBSCRIBE", channel)
    return peer


async def test_a_client_that_goes_leaves_nothing_behind(tcp: Tcp):
    channels = tcp.parts.context.channels
    peer = await subscriber(tcp, "one", "two")
    other = await subscriber(tcp, "two")
    await peer.ask("PSUBSCRIBE", "t*")
    await peer.ask("SSUBSCRIBE", "shard")
    assert (list(channels.channels), list(channels.patterns), list(channels.shard_channels)) == ([b"one", b"two"], [b"t*"], [b"shard"])
    peer.writer.transport.abort()
    await until(lambda: len(channels.channels) == 1)
    assert (list(channels.channels), len(channels.patterns), len(channels.shard_channels)) == ([b"two"], 0, 0)
    assert list(channels.patterns.fitting(b"two")) == []
    assert channels.publish(b"two", b"x") == 1
    assert await other.reply() == [b"message", b"two", b"x"]


async def test_a_pattern_stays_as_long_as_somebody_listens_by_it(tcp: Tcp):
    first, second = await subscriber(tcp), await subscriber(tcp)
    for peer in (first, second):
        await peer.ask("PSUBSCRIBE", "n*")
    await first.ask("PUNSUBSCRIBE", "n*")
    assert tcp.parts.context.channels.publish(b"news", b"x") == 1
    assert await second.reply() == [b"pmessage", b"n*", b"news", b"x"]


async def test_a_message_behind_the_replies_that_were_owed_before_it(tcp: Tcp):
    """The lookup waits for its embedding; what is published meanwhile waits for the lookup."""
    peer = await subscriber(tcp, "news", protocol=3)
    await peer.ask("MC.CREATE", "m")
    tcp.parts.embedder.holding = True
    peer.send("MC.GET", "m", "question")
    peer.send("SUBSCRIBE", "more")
    held = await tcp.parts.embedder.held()
    channels = tcp.parts.context.channels
    await until(lambda: b"more" in list(channels.channels))
    assert channels.publish(b"more", b"x") == 1
    held.release()
    assert await peer.replies(3) == [None, [b"subscribe", b"more", 2], [b"message", b"more", b"x"]]


async def test_to_oneself_behind_the_reply(tcp: Tcp):
    peer = await subscriber(tcp, "news", protocol=3)
    peer.send_bytes(pack("PUBLISH", "news", "a") + pack("PUBLISH", "news", "b") + pack("UNSUBSCRIBE", "news"))
    assert await peer.replies(5) == [1, [b"message", b"news", b"a"], 1, [b"message", b"news", b"b"], [b"unsubscribe", b"news", 0]]


async def test_to_oneself_in_a_transaction_behind_its_reply(tcp: Tcp):
    peer = await subscriber(tcp, "news", protocol=3)
    await peer.ask("MULTI")
    await peer.ask("PUBLISH", "news", "a")
    await peer.ask("PING")
    peer.send("EXEC")
    assert await peer.replies(2) == [[1, b"PONG"], [b"message", b"news", b"a"]]


async def test_many_subscribers_get_many_messages_in_order(tcp: Tcp):
    peers = [await subscriber(tcp, "news", protocol=2 + number % 2) for number in range(150)]
    publisher = await tcp.connect()
    publisher.send_bytes(b"".join(pack("PUBLISH", "news", number) for number in range(20)))
    assert await publisher.replies(20) == [150] * 20
    for peer in peers:
        assert await peer.replies(20) == [[b"message", b"news", b"%d" % number] for number in range(20)]


async def test_a_subscriber_that_does_not_read_is_cut_off_and_the_others_are_served(tcp: Tcp):
    tcp.parts.settings.assign([("client-output-buffer-limit", "pubsub 2mb 0 0")])
    deaf, other = await subscriber(tcp, "news"), await subscriber(tcp, "news")
    deaf.writer.transport.pause_reading()
    publisher = await tcp.connect()
    message = b"x" * 100_000
    receivers = 2
    while receivers == 2:
        receivers = await publisher.ask("PUBLISH", "news", message)
        assert await other.reply() == [b"message", b"news", message]
        await asyncio.sleep(0)
    assert len(tcp.parts.context.channels.channels.clients(b"news")) == 1


def test_one_encoding_for_each_version(parts: Parts):
    """Ten thousand subscribers hold the same bytes."""
    channels = parts.context.channels
    links = [SilentLink() for _ in range(4)]
    for number, link in enumerate(links):
        channels.channels.add(replace(parts.client, id=number, link=link, protocol=2 + number % 2, channels={}), b"news")
    assert channels.publish(b"news", b"hello") == 4
    first, second, third, fourth = [link.pushed[0] for link in links]
    assert first is third
    assert second is fourth
    assert first != second
