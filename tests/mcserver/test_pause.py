"""CLIENT PAUSE: who waits, for how long, and that nothing is lost or out of order."""

import asyncio

import pytest

from tests.mcserver.parts import Parts, Peer, Tcp, error_text, pack, until


def held(parts: Parts) -> int:
    return sum(client.held for client in parts.context.clients.values())


async def test_writes_wait_and_reads_do_not(parts: Parts, peer: Peer, other: Peer):
    await peer.ask("MC.SET", "m", "a", "1")
    await peer.ask("CLIENT", "PAUSE", "60000", "WRITE")
    other.send("MC.SET", "m", "a", "2")
    await until(lambda: held(parts) == 1)
    assert b"blocked_clients:1\r\n" in await peer.ask("INFO", "clients")
    assert await peer.ask("MC.GET", "m", "a") == b"1"
    assert await peer.ask("CLIENT", "UNPAUSE") == b"OK"
    assert await other.reply() == b"OK"
    assert await peer.ask("MC.GET", "m", "a") == b"2"
    assert held(parts) == 0


async def test_everything_waits_also_what_memory_could_answer(parts: Parts, peer: Peer, other: Peer):
    await other.ask("MC.SET", "m", "a", "1")
    for _ in range(3):
        await other.ask("MC.GET", "m", "a")
    await peer.ask("CLIENT", "PAUSE", "60000")
    other.send_bytes(pack("MC.GET", "m", "a") + pack("PING"))
    peer.send("CLIENT", "UNPAUSE")
    await until(lambda: held(parts) == 2)
    parts.context.pause.end()
    assert await other.replies(2) == [b"1", b"PONG"]
    assert await peer.reply() == b"OK"


async def test_it_ends_by_itself(parts: Parts, peer: Peer):
    await peer.ask("CLIENT", "PAUSE", "1")
    assert await peer.ask("PING") == b"PONG"
    assert not parts.context.pause.active


async def test_it_only_becomes_longer_and_wider(parts: Parts, peer: Peer, other: Peer):
    await peer.ask("CLIENT", "PAUSE", "60000", "WRITE")
    await peer.ask("CLIENT", "PAUSE", "1", "WRITE")
    other.send("PUBLISH", "news", "x")
    await until(lambda: held(parts) == 1)
    await peer.ask("CLIENT", "PAUSE", "1", "ALL")
    assert parts.context.pause.everything
    await asyncio.sleep(0.01)
    assert parts.context.pause.active
    parts.context.pause.end()
    assert await other.reply() == 0


async def test_the_order_of_a_pipeline_holds(parts: Parts, peer: Peer, other: Peer):
    await peer.ask("CLIENT", "PAUSE", "60000", "WRITE")
    other.send_bytes(pack("PING") + pack("MC.SET", "m", "a", "1") + pack("MC.GET", "m", "a") + pack("ECHO", "x"))
    assert await other.reply() == b"PONG"
    await until(lambda: held(parts) == 1)
    await peer.ask("CLIENT", "UNPAUSE")
    assert await other.replies(3) == [b"OK", b"1", b"x"]


async def test_transactions_wait_as_one(parts: Parts, peer: Peer, other: Peer):
    await peer.ask("CLIENT", "PAUSE", "60000", "WRITE")
    assert await peer.ask("MULTI") == b"OK"
    assert await peer.ask("PING") == b"QUEUED"
    assert await peer.ask("EXEC") == [b"PONG"]
    other.send_bytes(pack("MULTI") + pack("MC.SET", "m", "a", "1") + pack("EXEC"))
    assert await other.reply() == b"OK"
    await until(lambda: held(parts) == 1)
    await peer.ask("CLIENT", "UNPAUSE")
    assert await other.replies(2) == [b"QUEUED", [b"OK"]]


async def test_a_command_that_is_wrong_does_not_wait(peer: Peer, other: Peer):
    await peer.ask("CLIENT", "PAUSE", "60000", "WRITE")
    assert error_text(await other.ask("MC.SET", "m")) == "ERR wrong number of arguments for 'mc.set' command"
    await peer.ask("CLIENT", "UNPAUSE")


async def test_a_client_that_leaves_while_it_waits(parts: Parts, peer: Peer, other: Peer):
    await peer.ask("CLIENT", "PAUSE", "60000", "WRITE")
    other.send("MC.SET", "m", "a", "1")
    await until(lambda: held(parts) == 1)
    await other.close()
    await until(lambda: len(parts.context.clients) == 1)
    await peer.ask("CLIENT", "UNPAUSE")
    assert await peer.ask("MC.GET", "m", "a") is None  # it was never begun


async def test_shutting_down_ends_it(parts: Parts, tcp: Tcp, peer: Peer, other: Peer):
    await peer.ask("CLIENT", "PAUSE", "60000", "WRITE")
    other.send("MC.SET", "m", "a", "1")
    await until(lambda: held(parts) == 1)
    closing = asyncio.ensure_future(tcp.server.close())
    assert await other.reply() == b"OK"
    await closing


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["x"], "ERR timeout is not an integer or out of range"),
        (["-1"], "ERR timeout is negative"),
        (["1", "SOME"], "ERR CLIENT PAUSE mode must be WRITE or ALL"),
        (["1", "ALL", "x"], "ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP."),
    ],
)
async def test_wrong_arguments(parts: Parts, peer: Peer, words: list[str], refusal: str):
    assert error_text(await peer.ask("CLIENT", "PAUSE", *words)) == refusal
    assert not parts.context.pause.active
