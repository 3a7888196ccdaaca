"""The exact path: commands that were answered before, byte for byte, found in whatever bytes arrive."""

import random

import pytest

from mcserver.network.connection import MAX_COMMANDS_PER_TURN
from tests.mcserver.parts import Parts, Peer, Tcp, pack

KNOWN = [pack("MC.GET", "m", "a"), pack("mc.get", "m", "a"), pack("MC.GET", "m", "b"), pack("MC.GET", "n", "c")]
ANSWERS = [b"1", b"1", b"2", b"3"]


@pytest.fixture
async def peer(tcp: Tcp) -> Peer:
    peer = await tcp.connect()
    for model, question, answer in [("m", "a", "1"), ("m", "b", "2"), ("n", "c", "3")]:
        await peer.ask("MC.SET", model, question, answer)
    for _ in range(3):
        for request, answer in zip(KNOWN, ANSWERS, strict=True):
            peer.send_bytes(request)
            assert await peer.reply() == answer
    return peer


@pytest.fixture
def remembered(parts: Parts, peer: Peer) -> Parts:
    assert len(parts.cache.exact.wires) == len(KNOWN)
    return parts


async def test_several_in_one_piece(remembered, peer):
    before = remembered.statistics("m").exact, remembered.statistics("n").exact
    peer.send_bytes(b"".join([*KNOWN, KNOWN[0]]))
    assert await peer.replies(5) == [*ANSWERS, b"1"]
    assert (remembered.statistics("m").exact, remembered.statistics("n").exact) == (before[0] + 4, before[1] + 1)


async def test_what_follows_an_unknown_one_is_run_too(remembered, peer):
    peer.send_bytes(KNOWN[0] + pack("PING") + KNOWN[2] + b"PING\r\n" + KNOWN[3])
    assert await peer.replies(5) == [b"1", b"PONG", b"2", b"PONG", b"3"]


async def test_commands_inside_an_argument_are_an_argument(remembered, peer):
    payload = b"\r\n" + KNOWN[0] + KNOWN[2] + b"*"
    peer.send_bytes(KNOWN[0] + pack("ECHO", payload) + pack("ECHO", KNOWN[3]) + KNOWN[2])
    assert await peer.replies(4) == [b"1", payload, KNOWN[3], b"2"]


async def test_an_expired_one_in_the_middle(remembered, peer):
    await peer.ask("MC.SET", "m", "b", "2", "PX", "1000")
    for _ in range(3):
        peer.send_bytes(KNOWN[2])
        assert await peer.reply() == b"2"
    remembered.clock.seconds += 2
    peer.send_bytes(KNOWN[0] + KNOWN[2] + KNOWN[3])
    first, expired, last = await peer.replies(3)
    assert (first, expired, last) == (b"1", None, b"3")


@pytest.mark.parametrize("seed", range(5))
async def test_any_cut_gives_the_same(remembered, peer, seed):
    choose = random.Random(seed)
    others = [(pack("PING"), b"PONG"), (pack("ECHO", KNOWN[0]), KNOWN[0]), (b"ECHO x\r\n", b"x"), (pack("ECHO", "\r\n*"), b"\r\n*")]
    picked = [choose.choice([*zip(KNOWN, ANSWERS, strict=True), *others]) for _ in range(60)]
    stream = b"".join(request for request, _ in picked)
    while stream:
        size = choose.randrange(1, 200)
        peer.send_bytes(stream[:size])
        stream = stream[size:]
        if choose.random() < 0.3:
            await remembered.store.models()
    assert await peer.replies(len(picked)) == [answer for _, answer in picked]


async def test_more_than_one_turn_may_answer(remembered, peer):
    """Others get their turn in between: so many are answered one part after the other."""
    count = MAX_COMMANDS_PER_TURN * 2 + 7
    peer.send_bytes(KNOWN[0] * count)
    assert await peer.replies(count) == [b"1"] * count
