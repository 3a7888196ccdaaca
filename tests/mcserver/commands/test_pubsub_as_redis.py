"""Publish/subscribe between several connections: the same bytes on each as from a real redis-server."""

import pytest

from tests.mcserver.commands.scenario import Step, play

SCENARIOS: dict[str, list[Step]] = {
    "channels": [
        ("a", "SUBSCRIBE one two one", 3),
        ("b", "PUBLISH one hello", 1),
        ("b", "PUBLISH two world", 1),
        ("b", "PUBLISH three nobody", 1),
        ("a", "", 2),
        ("b", [b"PUBLISH", b"one", b"\xff\r\n\0"], 1),
        ("a", "UNSUBSCRIBE one nosuch", 3),
        ("b", "PUBLISH one gone", 1),
        ("b", "PUBLISH two still", 1),
        ("a", "UNSUBSCRIBE two", 2),
        ("b", "PUBLISH two gone", 1),
    ],
    "no channels": [("a", "UNSUBSCRIBE", 1), ("a", "PUNSUBSCRIBE", 1), ("a", "SUNSUBSCRIBE", 1), ("a", "UNSUBSCRIBE x y", 2)],
    "all of one channel": [("a", "SUBSCRIBE one", 1), ("a", "UNSUBSCRIBE", 1), ("b", "PUBLISH one x", 1)],
    "patterns": [
        ("a", "SUBSCRIBE foo.bar", 1),
        ("a", "PSUBSCRIBE [a-z]oo.??? x* foo?baz [a-z]oo.???", 4),
        ("b", "PUBLISH foo.bar hello", 1),
        ("a", "", 2),
        ("a", "PUNSUBSCRIBE x* nosuch", 2),
        ("b", "PUBLISH foo.bar hello", 1),
        ("b", "PUBLISH x hello", 1),
        ("a", "", 2),
        ("a", "PUNSUBSCRIBE", 2),
        ("b", "PUBLISH foo.bar hello", 1),
        ("a", "", 1),
        ("a", "UNSUBSCRIBE foo.bar", 1),
        ("a", "PING", 1),
    ],
    "patterns of bytes": [
        ("a", [b"PSUBSCRIBE", b"\xc3?x", b"[\xf0-\xff]*"], 2),
        ("b", [b"PUBLISH", b"\xc3\xa9x", b"a"], 1),
        ("b", [b"PUBLISH", b"\xfe\n", b"b"], 1),
        ("a", "", 2),
    ],
    "two clients": [
        ("a", "SUBSCRIBE one", 1),
        ("b", "PSUBSCRIBE o*", 1),
        ("c", "PUBLISH one x", 1),
        ("a", "", 1),
        ("b", "", 1),
        ("c", "PUBSUB NUMSUB one two", 1),
        ("c", "PUBSUB NUMPAT", 1),
        ("c", "PUBSUB CHANNELS", 1),
        ("c", "PUBSUB CHANNELS t*", 1),
        ("c", "PUBSUB CHANNELS [m-o]ne", 1),
    ],
    "shard channels": [
        ("a", "SSUBSCRIBE one one", 2),
        ("b", "SUBSCRIBE one", 1),
        ("b", "PSUBSCRIBE *", 1),
        ("c", "SPUBLISH one x", 1),
        ("c", "PUBLISH one y", 1),
        ("a", "", 1),
        ("b", "", 2),
        ("c", "PUBSUB SHARDNUMSUB one two", 1),
        ("c", "PUBSUB SHARDCHANNELS", 1),
        ("c", "PUBSUB SHARDCHANNELS x*", 1),
        ("a", "SUNSUBSCRIBE", 1),
        ("c", "SPUBLISH one z", 1),
    ],
    "ping": [("a", "SUBSCRIBE one", 1), ("a", "PING", 1), ("a", "PING x", 1), ("a", "UNSUBSCRIBE one", 1), ("a", "PING", 1)],
    "ping of a shard's subscriber": [("a", "SSUBSCRIBE one", 1), ("a", "PING", 1), ("a", "PING a b", 1)],
    "other commands of a subscriber": [
        ("a", "SUBSCRIBE one", 1),
        ("a", "ECHO x", 1),
        ("a", "CLIENT GETNAME", 1),
        ("a", "PUBLISH x y", 1),
        ("a", "MULTI", 1),
        ("a", "RESET", 1),
        ("a", "ECHO x", 1),
        ("b", "PUBLISH one x", 1),
        ("b", "PUBSUB CHANNELS", 1),
    ],
    "reset": [
        ("a", "SUBSCRIBE one", 1),
        ("a", "PSUBSCRIBE o*", 1),
        ("a", "SSUBSCRIBE one", 1),
        ("a", "RESET", 1),
        ("b", "PUBLISH one x", 1),
        ("b", "SPUBLISH one x", 1),
        ("b", "PUBSUB NUMPAT", 1),
        ("a", "PING", 1),
    ],
    "without replies": [
        ("a", "CLIENT REPLY OFF", 0),
        ("a", "SUBSCRIBE one", 1),
        ("a", "PSUBSCRIBE o*", 1),
        ("a", "PING", 0),
        ("b", "PUBLISH one x", 1),
        ("a", "", 2),
        ("a", "UNSUBSCRIBE", 1),
        ("a", "PUNSUBSCRIBE", 1),
        ("a", "CLIENT REPLY ON", 1),
    ],
    "without the next reply": [("a", "CLIENT REPLY SKIP", 0), ("a", "SUBSCRIBE one", 1), ("a", "PING", 1)],
    "to oneself": [("a", "SUBSCRIBE one", 1), ("a", "UNSUBSCRIBE one", 1), ("a", "PUBLISH one x", 1)],
    "multi": [
        ("a", "MULTI", 1),
        ("a", "SUBSCRIBE one", 1),
        ("a", "PSUBSCRIBE o*", 1),
        ("a", "SSUBSCRIBE one", 1),
        ("a", "PING", 1),
        ("a", "EXEC", 1),
        ("b", "PUBLISH one x", 1),
        ("a", "", 2),
    ],
    "arguments": [
        ("a", "SUBSCRIBE", 1),
        ("a", "PSUBSCRIBE", 1),
        ("a", "SSUBSCRIBE", 1),
        ("a", "PUBLISH x", 1),
        ("a", "SPUBLISH x y z", 1),
        ("a", "PUBSUB", 1),
        ("a", "PUBSUB FOO", 1),
        ("a", "PUBSUB CHANNELS a b", 1),
        ("a", "PUBSUB NUMPAT a", 1),
        ("a", "PUBSUB NUMSUB", 1),
        ("a", "PUBSUB SHARDNUMSUB", 1),
    ],
}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_same_bytes(name: str, protocol: int, port: int, redis_port: int):
    protocols = {"a": protocol, "b": 5 - protocol, "c": 2}
    ours = await play(port, SCENARIOS[name], protocols=protocols, server="mcserver")
    theirs = await play(redis_port, SCENARIOS[name], protocols=protocols, server="redis")
    assert ours == theirs
