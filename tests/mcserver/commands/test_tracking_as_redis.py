"""CLIENT TRACKING between several connections: the same bytes on each as from a real redis-server, with strings there and models here."""

import pytest

from tests.mcserver.commands.scenario import Step, play

LISTEN: Step = ("b", "SUBSCRIBE __redis__:invalidate", 1)

OPTIONS: list[Step] = [
    ("a", words, 1)
    for words in (
        "CLIENT TRACKING",
        "CLIENT TRACKING maybe",
        "CLIENT TRACKING on FOO",
        "CLIENT TRACKING on PREFIX",
        "CLIENT TRACKING on REDIRECT",
        "CLIENT TRACKING on REDIRECT x",
        "CLIENT TRACKING on REDIRECT 0",
        "CLIENT TRACKING on REDIRECT 123456789",
        "CLIENT TRACKING on REDIRECT {b} REDIRECT {b}",
        "CLIENT TRACKING on PREFIX x",
        "CLIENT TRACKING on BCAST OPTIN",
        "CLIENT TRACKING on BCAST OPTOUT",
        "CLIENT TRACKING on OPTIN OPTOUT",
        "CLIENT TRACKING on BCAST PREFIX FOOBAR PREFIX FOO",
        "CLIENT TRACKING on BCAST PREFIX FOO PREFIX FOOBAR",
        "CLIENT TRACKINGINFO",
        "CLIENT GETREDIR",
        "CLIENT CACHING yes",
        "CLIENT CACHING",
        "CLIENT TRACKING off",
        "CLIENT TRACKING off BCAST",
        "CLIENT TRACKING on BCAST PREFIX FOO PREFIX BAR",
        "CLIENT TRACKING on BCAST PREFIX FO",
        "CLIENT TRACKING on BCAST PREFIX BARB",
        "CLIENT TRACKING on BCAST PREFIX BAR",
        "CLIENT TRACKING on BCAST PREFIX ABC",
        "CLIENT TRACKING on",
        "CLIENT TRACKINGINFO",
        "CLIENT TRACKING on BCAST NOLOOP REDIRECT {b}",
        "CLIENT TRACKINGINFO",
        "CLIENT CACHING yes",
        "CLIENT TRACKING off",
        "CLIENT TRACKINGINFO",
        "CLIENT TRACKING ON OptIn",
        "CLIENT TRACKING on BCAST",
        "CLIENT TRACKING on OPTOUT",
        "CLIENT CACHING maybe",
        "CLIENT CACHING no",
        "CLIENT TRACKINGINFO",
        "CLIENT CACHING yes",
        "CLIENT TRACKINGINFO",
        "PING",
        "CLIENT TRACKINGINFO",
        "CLIENT GETREDIR",
        "CLIENT TRACKING off",
        "CLIENT TRACKING on OPTOUT",
        "CLIENT TRACKING on OPTIN",
        "CLIENT CACHING yes",
        "CLIENT CACHING no",
        "CLIENT TRACKINGINFO",
        "RESET",
        "CLIENT TRACKINGINFO",
        "CLIENT GETREDIR",
        "CLIENT GETREDIR x",
        "CLIENT TRACKINGINFO x",
    )
]

SCENARIOS: dict[str, list[Step]] = {
    "options": OPTIONS,
    "what was read": [
        ("a", "CLIENT TRACKING on", 1),
        ("b", "WRITE one", 1),
        ("a", "EXISTS one", 1),
        ("a", "EXISTS two", 1),
        ("b", "WRITE one", 1),
        ("a", "", 1),
        ("b", "WRITE one", 1),
        ("b", "WRITE three", 1),
        ("b", "WRITE two", 1),
        ("a", "", 1),
        ("a", "EXISTS one two three", 1),
        ("b", "DEL three", 1),
        ("a", "", 1),
        ("a", "TYPE nosuch", 1),
        ("b", "WRITE two", 1),
        ("a", "", 1),
        ("a", "CLIENT TRACKING off", 1),
        ("b", "WRITE one", 1),
    ],
    "redirected": [
        LISTEN,
        ("a", "CLIENT TRACKING on REDIRECT {b}", 1),
        ("a", "EXISTS one", 1),
        ("c", "WRITE one", 1),
        ("b", "", 1),
        ("a", "CLIENT TRACKINGINFO", 1),
        ("c", "WRITE one", 1),
    ],
    "redirected to a subscriber of another channel": [
        ("b", "SUBSCRIBE other", 1),
        ("a", "CLIENT TRACKING on REDIRECT {b}", 1),
        ("a", "EXISTS one", 1),
        ("c", "WRITE one", 1),
        ("b", "", 1),
    ],
    "redirected by two": [
        LISTEN,
        ("a", "CLIENT TRACKING on REDIRECT {b}", 1),
        ("c", "CLIENT TRACKING on REDIRECT {b}", 1),
        ("a", "EXISTS one", 1),
        ("c", "EXISTS two", 1),
        ("d", "WRITE one", 1),
        ("d", "WRITE two", 1),
        ("b", "", 2),
    ],
    "flushed, redirected": [
        LISTEN,
        ("a", "CLIENT TRACKING on REDIRECT {b}", 1),
        ("a", "EXISTS one", 1),
        ("c", "FLUSHALL", 1),
        ("b", "", 1),
        ("b", "PING", 1),
        ("c", "WRITE one", 1),
    ],
    "own changes": [
        ("a", "CLIENT TRACKING on", 1),
        ("a", "WRITE one", 1),
        ("a", "EXISTS one", 1),
        ("a", "WRITE one", 2),
        ("a", "CLIENT TRACKING on NOLOOP", 1),
        ("a", "EXISTS one", 1),
        ("a", "WRITE one", 1),
        ("a", "EXISTS one", 1),
        ("b", "WRITE one", 1),
        ("a", "", 1),
    ],
    "broadcast": [
        ("a", "CLIENT TRACKING on BCAST", 1),
        ("b", "WRITE one", 1),
        ("a", "", 1),
        ("a", "EXISTS two", 1),
        ("a", "WRITE two", 2),
        ("b", "FLUSHALL", 1),
        ("a", "", 1),
    ],
    "broadcast of prefixes": [
        ("a", "CLIENT TRACKING on BCAST PREFIX a: PREFIX b:", 1),
        ("b", "MULTI", 1),
        ("b", "WRITE b:1", 1),
        ("b", "WRITE a:2", 1),
        ("b", "WRITE a:1", 1),
        ("b", "WRITE c:1", 1),
        ("b", "EXEC", 1),
        ("a", "", 2),
        ("a", "CLIENT TRACKING on BCAST PREFIX c:", 1),
        ("b", "WRITE c:1", 1),
        ("a", "", 1),
        ("b", "WRITE d:1", 1),
    ],
    "broadcast without own changes": [
        ("a", "CLIENT TRACKING on BCAST NOLOOP", 1),
        ("a", "WRITE one", 1),
        ("b", "WRITE two", 1),
        ("a", "", 1),
        ("a", "WRITE three", 1),
        ("b", "WRITE one", 1),
        ("a", "", 1),
    ],
    "opt in": [
        ("a", "CLIENT TRACKING on OPTIN", 1),
        ("a", "EXISTS one", 1),
        ("b", "WRITE one", 1),
        ("a", "CLIENT CACHING yes", 1),
        ("a", "EXISTS one", 1),
        ("a", "EXISTS two", 1),
        ("b", "WRITE two", 1),
        ("b", "WRITE one", 1),
        ("a", "", 1),
        ("a", "CLIENT CACHING yes", 1),
        ("a", "PING", 1),
        ("a", "EXISTS one", 1),
        ("b", "WRITE one", 1),
    ],
    "opt in to a transaction": [
        ("a", "CLIENT TRACKING on OPTIN", 1),
        ("a", "CLIENT CACHING yes", 1),
        ("a", "MULTI", 1),
        ("a", "EXISTS one", 1),
        ("a", "EXISTS two", 1),
        ("a", "EXEC", 1),
        ("a", "CLIENT TRACKINGINFO", 1),
        ("a", "EXISTS three", 1),
        ("b", "WRITE three", 1),
        ("b", "WRITE two", 1),
        ("a", "", 1),
        ("b", "WRITE one", 1),
        ("a", "", 1),
    ],
    "opt out": [
        ("a", "CLIENT TRACKING on OPTOUT", 1),
        ("a", "EXISTS one", 1),
        ("b", "WRITE one", 1),
        ("a", "", 1),
        ("a", "CLIENT CACHING no", 1),
        ("a", "EXISTS one", 1),
        ("b", "WRITE one", 1),
        ("a", "EXISTS two", 1),
        ("b", "WRITE two", 1),
        ("a", "", 1),
    ],
    "transaction": [
        ("a", "CLIENT TRACKING on", 1),
        ("a", "WRITE one", 1),
        ("a", "EXISTS one", 1),
        ("a", "MULTI", 1),
        ("a", "WRITE one", 1),
        ("a", "EXISTS two", 1),
        ("a", "EXEC", 2),
        ("b", "WRITE two", 1),
        ("a", "", 1),
    ],
    "turned on in a transaction": [
        ("a", "MULTI", 1),
        ("a", "CLIENT TRACKING on", 1),
        ("a", "EXISTS one", 1),
        ("a", "EXEC", 1),
        ("b", "WRITE one", 1),
        ("a", "", 1),
    ],
    "flushed in a transaction": [
        ("a", "CLIENT TRACKING on", 1),
        ("a", "EXISTS one", 1),
        ("a", "MULTI", 1),
        ("a", "FLUSHDB", 1),
        ("a", "EXEC", 2),
    ],
    "from reading to broadcast": [
        ("a", "CLIENT TRACKING on", 1),
        ("a", "EXISTS one", 1),
        ("a", "CLIENT TRACKING off", 1),
        ("a", "CLIENT TRACKING on BCAST", 1),
        ("b", "WRITE one", 1),
        ("a", "", 1),
    ],
    "without replies": [
        ("a", "CLIENT TRACKING on", 1),
        ("a", "EXISTS one", 1),
        ("a", "CLIENT REPLY OFF", 0),
        ("b", "WRITE one", 1),
        ("a", "", 1),
        ("a", "CLIENT REPLY ON", 1),
    ],
}

SPOKEN = ({"a": 3, "b": 3, "c": 2, "d": 2}, {"a": 3, "b": 2, "c": 3, "d": 3}, {"a": 2, "b": 2, "c": 2, "d": 2})

UNTOLD = "options", "redirected", "redirected to a subscriber of another channel", "redirected by two", "flushed, redirected"
"""What can be played in RESP2, where only who is redirected to can be told."""

OF_ONE_VERSION = ("flushed, redirected",)
"""Redis 7.0 sends the null in the version of the client that redirects, and not of the one that it redirects to."""


def plays(name: str, protocols: dict[str, int]) -> bool:
    return (protocols["a"] == 3 or name in UNTOLD) and (protocols["a"] == protocols["b"] or name not in OF_ONE_VERSION)


CASES = [(name, protocols) for name in SCENARIOS for protocols in SPOKEN if plays(name, protocols)]


@pytest.mark.parametrize(("name", "protocols"), CASES)
async def test_same_bytes(name: str, protocols: dict[str, int], port: int, redis_port: int):
    theirs = await play(redis_port, SCENARIOS[name], protocols=protocols, server="redis")
    ours = await play(port, SCENARIOS[name], protocols=protocols, server="mcserver")
    await play(redis_port, [("a", "FLUSHALL", 1)], protocols={"a": 2}, server="redis")
    assert ours == theirs
