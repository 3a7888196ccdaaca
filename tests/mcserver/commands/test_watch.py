"""WATCH: EXEC does nothing where a watched model has changed, whoever changed it and however."""

import asyncio

import pytest

from tests.mcserver.parts import Parts, Peer, Tcp, error_text, pack, until


@pytest.fixture
async def peer(tcp: Tcp) -> Peer:
    peer = await tcp.connect()
    await peer.ask("MC.SET", "m", "a", "1")
    return peer


async def executed(peer: Peer) -> object:
    """What EXEC of one MC.SET gives."""
    await peer.ask("MULTI")
    await peer.ask("MC.SET", "m", "b", "2")
    return await peer.ask("EXEC")


CHANGES = [
    ["MC.SET", "m", "c", "3"],
    ["MC.SET", "m", "a", "again"],
    ["MC.DEL", "m", "QUERY", "a"],
    ["MC.TRUNCATE", "m"],
    ["MC.DROP", "m"],
    ["MC.CONFIG", "SET", "m", "threshold", "0.5"],
    ["MC.EXPIRE", "m", "1", "100"],
    ["FLUSHALL"],
]


@pytest.mark.parametrize("change", CHANGES, ids=" ".join)
async def test_a_change_by_another(peer: Peer, other: Peer, change: list[str]):
    assert await peer.ask("WATCH", "m") == b"OK"
    assert not isinstance(await other.ask(*change), Exception)
    assert await executed(peer) is None
    assert await peer.ask("MC.GET", "m", "b", "EXACT") is None
    assert await executed(peer) == [b"OK"]  # EXEC forgets what was watched


async def test_a_change_by_oneself(peer: Peer):
    await peer.ask("WATCH", "m")
    await peer.ask("MC.SET", "m", "a", "2")
    assert await executed(peer) is None


async def test_writes_of_the_pipeline_before_it_do_not_count(peer: Peer):
    peer.send_bytes(pack("MC.SET", "m", "a", "2") + pack("WATCH", "m") + pack("MULTI") + pack("MC.SET", "m", "b", "2") + pack("EXEC"))
    assert (await peer.replies(5))[-1] == [b"OK"]


async def test_what_changes_nothing(peer: Peer, other: Peer):
    await peer.ask("WATCH", "m", "nobody")
    for words in (
        ["MC.GET", "m", "a"],
        ["MC.SET", "n", "a", "1"],
        ["MC.SET", "m", "a", "2", "NX"],
        ["MC.DEL", "m", "77"],
        ["MC.TRUNCATE", "m", "TAGS", "1", "x"],
        ["MC.INFO", "m"],
    ):
        assert not isinstance(await other.ask(*words), Exception)
    assert await executed(peer) == [b"OK"]


async def test_a_model_that_comes_into_being(peer: Peer, other: Peer):
    await peer.ask("WATCH", "new")
    await other.ask("MC.SET", "new", "a", "1")
    assert await executed(peer) is None


async def test_a_model_made_anew(peer: Peer, other: Peer):
    await peer.ask("WATCH", "m")
    await other.ask("MC.DROP", "m")
    await other.ask("MC.SET", "m", "a", "1")
    assert await executed(peer) is None


async def test_an_entry_that_expires(parts: Parts, peer: Peer, other: Peer):
    from mcserver.cache.upkeep import Upkeep  # noqa: PLC0415

    await other.ask("MC.SET", "m", "short", "1", "EX", "1")
    await peer.ask("WATCH", "m")
    parts.clock.seconds += 2
    await Upkeep(parts.cache, parts.settings, parts.context.statistics).sweep()
    assert await executed(peer) is None


async def test_the_first_watch_counts(peer: Peer, other: Peer):
    await peer.ask("WATCH", "m")
    await other.ask("MC.SET", "m", "c", "3")
    await peer.ask("WATCH", "m")
    assert await executed(peer) is None


@pytest.mark.parametrize("forget", [["UNWATCH"], ["DISCARD"], ["RESET"]])
async def test_forgetting(peer: Peer, other: Peer, forget: list[str]):
    await peer.ask("WATCH", "m")
    await other.ask("MC.SET", "m", "c", "3")
    if forget == ["DISCARD"]:
        await peer.ask("MULTI")
    await peer.ask(*forget)
    assert await executed(peer) == [b"OK"]


async def test_exec_without_multi_forgets_nothing(peer: Peer, other: Peer):
    await peer.ask("WATCH", "m")
    assert error_text(await peer.ask("EXEC")) == "ERR EXEC without MULTI"
    await other.ask("MC.SET", "m", "c", "3")
    assert await executed(peer) is None


async def test_inside_multi(peer: Peer):
    await peer.ask("MULTI")
    assert error_text(await peer.ask("WATCH", "m")) == "ERR WATCH inside MULTI is not allowed"
    assert await peer.ask("UNWATCH") == b"QUEUED"
    assert await peer.ask("EXEC") == [b"OK"]


async def test_an_empty_transaction(peer: Peer, other: Peer):
    await peer.ask("WATCH", "m")
    await other.ask("MC.SET", "m", "c", "3")
    await peer.ask("MULTI")
    assert await peer.ask("EXEC") is None


async def test_a_write_that_is_under_way_counts(parts: Parts, peer: Peer, other: Peer):
    """It was accepted before the EXEC, and is in effect before the check, however late its text was embedded."""
    await peer.ask("WATCH", "m")
    parts.embedder.holding = True
    other.send("MC.SET", "m", "c", "3")
    held = await parts.embedder.held()
    parts.embedder.holding = False
    held.release()
    assert await other.reply() == b"OK"
    assert await executed(peer) is None


async def test_only_one_of_many_wins(tcp: Tcp, peer: Peer):
    """Optimistic locking: of clients that watch, read and write at once, each round lets one through."""
    clients = [await tcp.connect() for _ in range(8)]
    for client in clients:
        await client.ask("WATCH", "m")

    async def change(number: int, client: Peer) -> object:
        await client.ask("MULTI")
        await client.ask("MC.SET", "m", "winner", str(number))
        return await client.ask("EXEC")

    outcomes = await asyncio.gather(*(change(number, client) for number, client in enumerate(clients)))
    winners = [number for number, outcome in enumerate(outcomes) if outcome == [b"OK"]]
    assert len(winners) == 1
    assert outcomes.count(None) == len(clients) - 1
    assert await peer.ask("MC.GET", "m", "winner") == str(winners[0]).encode()


async def test_what_is_told_of_it(parts: Parts, peer: Peer):
    await peer.ask("WATCH", "m", "n", "m")
    assert b" watch=2 " in await peer.ask("CLIENT", "INFO")
    told = await peer.ask("INFO", "clients")
    assert b"watching_clients:1\r\n" in told
    assert b"total_watched_keys:2\r\n" in told
    await peer.close()
    await until(lambda: not parts.context.clients)
