"""CLIENT TRACKING where models are more than strings, and what it costs the server."""

import pytest

from mcserver.cache.upkeep import Upkeep
from mcserver.tracking.table import EVICTED_AT_ONCE
from tests.mcserver.parts import Parts, Peer, Tcp, pack, until


async def tracking(tcp: Tcp, *options: object, protocol: int = 3) -> Peer:
    peer = await tcp.connect()
    await peer.ask("HELLO", protocol)
    assert await peer.ask("CLIENT", "TRACKING", "ON", *options) == b"OK"
    return peer


@pytest.fixture
async def writer(tcp: Tcp) -> Peer:
    peer = await tcp.connect()
    await peer.ask("MC.SET", "m", "q", "a")
    return peer


def invalidated(*keys: bytes) -> list[object]:
    return [b"invalidate", list(keys)]


READS = [
    ["MC.GET", "m", "q"],
    ["MC.MGET", "m", 2, "q", "other"],
    ["MC.ENTRY", "m", 1],
    ["MC.SCAN", "m", 0],
    ["MC.TTL", "m", 1],
    ["MC.INFO", "m"],
    ["EXISTS", "other", "m"],
    ["TYPE", "m"],
]

WRITES = [
    ["MC.SET", "m", "another", "a"],
    ["MC.DEL", "m", 1],
    ["MC.EXPIRE", "m", 1, 100],
    ["MC.TRUNCATE", "m"],
    ["MC.CONFIG", "SET", "m", "threshold", "0.5"],
    ["MC.DROP", "m"],
]


@pytest.mark.parametrize("words", READS, ids=lambda words: words[0])
async def test_reading_is_remembered(words: list[object], tcp: Tcp, writer: Peer):
    reader = await tracking(tcp)
    await reader.ask(*words)
    await writer.ask("MC.SET", "m", "q", "b")
    assert await reader.reply() == invalidated(b"m")


@pytest.mark.parametrize("words", WRITES, ids=lambda words: words[0])
async def test_changes_are_told_once(words: list[object], tcp: Tcp, writer: Peer):
    reader = await tracking(tcp)
    assert await reader.ask("MC.GET", "m", "q") == b"a"
    await writer.ask(*words)
    assert await reader.reply() == invalidated(b"m")
    await writer.ask("MC.SET", "m", "q", "b")
    assert await reader.ask("PING") == b"PONG"


async def test_the_exact_path_remembers_too(tcp: Tcp, writer: Peer):
    """A lookup that another client has made before is answered without dispatch, but not to one that is tracking."""
    for _ in range(2):
        assert await writer.ask("MC.GET", "m", "q") == b"a"
    reader = await tcp.connect()
    await reader.ask("HELLO", 3)
    assert await reader.ask("MC.GET", "m", "q") == b"a"
    await reader.ask("CLIENT", "TRACKING", "ON")
    assert await reader.ask("MC.GET", "m", "q") == b"a"
    await writer.ask("MC.SET", "m", "q", "b")
    assert await reader.reply() == invalidated(b"m")


async def test_a_change_while_the_lookup_is_under_way_is_told_behind_its_reply(tcp: Tcp, writer: Peer):
    """Else the client would keep an answer that nobody tells it is old."""
    parts = tcp.parts
    parts.embedder.relate("q", "similar", 0.95)
    reader = await tracking(tcp)
    parts.embedder.holding = True
    reader.send("MC.GET", "m", "similar")
    held = await parts.embedder.held()
    parts.embedder.holding = False
    assert await writer.ask("MC.SET", "m", "q", "b") == b"OK"
    held.release()
    assert await reader.replies(2) == [b"b", invalidated(b"m")]


async def test_who_changed_it_itself_is_still_told_of_the_next_change(tcp: Tcp, writer: Peer):
    """Its other answers of the model may be wrong then."""
    reader = await tracking(tcp, "NOLOOP")
    assert await reader.ask("MC.GET", "m", "q") == b"a"
    assert await reader.ask("MC.SET", "m", "other", "b") == b"OK"
    assert await reader.ask("PING") == b"PONG"
    await writer.ask("MC.SET", "m", "q", "c")
    assert await reader.reply() == invalidated(b"m")


async def test_own_changes_beside_those_of_others_are_broadcast(tcp: Tcp, writer: Peer):
    """In one turn of the loop."""
    reader = await tracking(tcp, "BCAST", "NOLOOP")
    table, client = tcp.parts.context.tracking, tcp.parts.context.clients[2]
    table.prefixes.note(b"m", client)
    table.prefixes.note(b"n", client)
    table.prefixes.note(b"n", None)
    table.prefixes.note(b"n", client)
    assert await reader.reply() == invalidated(b"n")


async def test_entries_that_expire(tcp: Tcp, writer: Peer):
    await writer.ask("MC.SET", "m", "q", "a", "EX", 10)
    reader = await tracking(tcp)
    assert await reader.ask("MC.GET", "m", "q") == b"a"
    tcp.parts.clock.seconds += 11
    await Upkeep(tcp.parts.cache, tcp.parts.settings, tcp.parts.context.statistics).sweep()
    assert await reader.reply() == invalidated(b"m")


async def test_a_setting_of_all_models_makes_everything_wrong(tcp: Tcp, writer: Peer):
    tcp.parts.settings.subscribe("threshold", tcp.parts.cache.reconfigure)
    reader = await tracking(tcp)
    await writer.ask("CONFIG", "SET", "threshold", "0.5")
    assert await reader.reply() == [b"invalidate", None]


async def test_a_transaction_that_fails_makes_everything_wrong(tcp: Tcp, writer: Peer):
    reader = await tracking(tcp, "BCAST", "PREFIX", "x")
    tcp.parts.store.commit_fails = True
    await writer.ask("MULTI")
    await writer.ask("MC.SET", "m", "q", "b")
    await writer.ask("EXEC")
    assert await reader.reply() == [b"invalidate", None]


async def test_opting_out_of_a_whole_transaction(tcp: Tcp, writer: Peer):
    reader = await tracking(tcp, "OPTOUT")
    for words in (["CLIENT", "CACHING", "NO"], ["MULTI"], ["EXISTS", "m"], ["EXEC"], ["EXISTS", "n"]):
        await reader.ask(*words)
    await writer.ask("MC.SET", "m", "q", "b")
    await writer.ask("MC.SET", "n", "q", "b")
    assert await reader.reply() == invalidated(b"n")


async def test_opting_in_to_a_transaction_with_a_write_sent_behind_it(tcp: Tcp, writer: Peer):
    reader = await tracking(tcp, "OPTIN")
    commands = (["CLIENT", "CACHING", "YES"], ["MULTI"], ["EXISTS", "m"], ["EXEC"], ["MC.SET", "n", "q", "b"])
    reader.send_bytes(b"".join(pack(*words) for words in commands))
    assert await reader.replies(5) == [b"OK", b"OK", b"QUEUED", [1], b"OK"]
    await writer.ask("MC.SET", "m", "q", "b")
    assert await reader.reply() == invalidated(b"m")


async def test_redirected_to_a_client_that_has_gone(tcp: Tcp, writer: Peer):
    target = await tcp.connect()
    number = await target.ask("CLIENT", "ID")
    reader = await tracking(tcp, "REDIRECT", number)
    await reader.ask("MC.GET", "m", "q")
    await target.close()
    await until(lambda: number not in tcp.parts.context.clients)
    await writer.ask("MC.SET", "m", "q", "b")
    assert await reader.reply() == [b"tracking-redir-broken", number]
    info = await reader.ask("CLIENT", "TRACKINGINFO")
    assert info == {b"flags": [b"on", b"broken_redirect"], b"redirect": number, b"prefixes": []}
    assert await reader.ask("CLIENT", "GETREDIR") == number
    assert f" redir={number} ".encode() in await reader.ask("CLIENT", "INFO")
    assert b" flags=tR " in await reader.ask("CLIENT", "INFO")


async def test_redirected_by_a_client_of_resp2_to_one_that_has_gone(tcp: Tcp, writer: Peer):
    target = await tcp.connect()
    number = await target.ask("CLIENT", "ID")
    reader = await tracking(tcp, "REDIRECT", number, protocol=2)
    await reader.ask("MC.GET", "m", "q")
    await target.close()
    await until(lambda: number not in tcp.parts.context.clients)
    await writer.ask("MC.SET", "m", "q", "b")
    assert (await reader.ask("CLIENT", "TRACKINGINFO"))[1] == [b"on", b"broken_redirect"]


async def test_a_tenant_is_told_of_no_other_model(tcp: Tcp, writer: Peer):
    await writer.ask("ACL", "SETUSER", "tenant", "on", "nopass", "+@all", "~team-a:*", "&*")
    tenant = await tcp.connect()
    await tenant.ask("HELLO", 3, "AUTH", "tenant", "any")
    await tenant.ask("CLIENT", "TRACKING", "ON", "BCAST")
    await writer.ask("MC.SET", "team-b:m", "q", "a")
    await writer.ask("MULTI")
    await writer.ask("MC.SET", "team-b:m", "q", "b")
    await writer.ask("MC.SET", "team-a:m", "q", "b")
    await writer.ask("EXEC")
    assert await tenant.reply() == invalidated(b"team-a:m")


async def counted(peer: Peer) -> dict[bytes, int]:
    text = await peer.ask("INFO", "clients", "stats")
    fields = dict(line.split(b":", 1) for line in text.split(b"\r\n") if b":" in line)
    return {name: int(value) for name, value in fields.items() if name.startswith(b"tracking_")}


async def test_a_client_that_goes_leaves_nothing_behind(tcp: Tcp, writer: Peer):
    table = tcp.parts.context.tracking
    reader, listener = await tracking(tcp), await tracking(tcp, "BCAST", "PREFIX", "a", "PREFIX", "b")
    await reader.ask("EXISTS", "m", "n", "m")
    assert await counted(writer) == {
        b"tracking_clients": 2,
        b"tracking_total_keys": 2,
        b"tracking_total_items": 2,
        b"tracking_total_prefixes": 2,
    }
    listener.writer.transport.abort()
    await until(lambda: len(table) == 1)
    assert len(tcp.parts.cache.changes.listeners) == 1
    reader.writer.transport.abort()
    await until(lambda: len(table) == 0)
    assert set((await counted(writer)).values()) == {0}
    assert tcp.parts.cache.changes.listeners == []


async def test_a_key_stays_as_long_as_somebody_keeps_it(tcp: Tcp, writer: Peer):
    first, second = await tracking(tcp), await tracking(tcp)
    for reader in (first, second):
        await reader.ask("EXISTS", "m")
    await first.ask("CLIENT", "TRACKING", "OFF")
    assert (await counted(writer))[b"tracking_total_items"] == 1
    await writer.ask("MC.SET", "m", "q", "b")
    assert await second.reply() == invalidated(b"m")
    assert await first.ask("PING") == b"PONG"


async def test_a_client_of_resp2_that_nobody_else_stands_in_for_is_not_told(tcp: Tcp, writer: Peer):
    reader = await tracking(tcp, protocol=2)
    await reader.ask("EXISTS", "m")
    await writer.ask("MC.SET", "m", "q", "b")
    assert await reader.ask("PING") == b"PONG"
    assert (await counted(writer))[b"tracking_total_items"] == 0


async def test_clients_with_one_prefix_go_one_by_one(tcp: Tcp, writer: Peer):
    first, second = await tracking(tcp, "BCAST"), await tracking(tcp, "BCAST")
    await first.ask("RESET")
    await writer.ask("MC.SET", "m", "q", "b")
    assert await second.reply() == invalidated(b"m")
    assert await first.ask("PING") == b"PONG"


async def test_tracking_that_ends_leaves_nothing_behind(tcp: Tcp, writer: Peer):
    reader = await tracking(tcp, "BCAST")
    await reader.ask("CLIENT", "TRACKING", "OFF")
    await reader.ask("CLIENT", "TRACKING", "ON")
    await reader.ask("EXISTS", "m")
    await reader.ask("CLIENT", "TRACKING", "ON", "NOLOOP")
    assert (await counted(writer))[b"tracking_total_items"] == 1
    await reader.ask("RESET")
    assert set((await counted(writer)).values()) == {0}


async def test_no_more_keys_than_the_setting_says(tcp: Tcp, writer: Peer):
    reader = await tracking(tcp)
    await writer.ask("CONFIG", "SET", "tracking-table-max-keys", 2)
    await reader.ask("EXISTS", "a", "b")
    reader.send("EXISTS", "c", "d", "e")
    assert await reader.replies(4) == [0, invalidated(b"a"), invalidated(b"b"), invalidated(b"c")]
    assert (await counted(writer))[b"tracking_total_keys"] == 2


async def test_a_lower_limit_takes_effect_in_steps(tcp: Tcp, writer: Peer):
    reader, count = await tracking(tcp), 2 * EVICTED_AT_ONCE + 10
    await reader.ask("EXISTS", *range(count))
    await writer.ask("CONFIG", "SET", "tracking-table-max-keys", 1)
    told = await reader.replies(count - 1)
    assert told == [invalidated(b"%d" % number) for number in range(count - 1)]
    assert await reader.ask("PING") == b"PONG"
    assert (await counted(writer))[b"tracking_total_keys"] == 1


async def test_no_limit(parts: Parts):
    parts.settings.assign([("tracking-table-max-keys", "0")])
    await parts.ask("CLIENT", "TRACKING", "ON")
    await parts.ask("EXISTS", *range(1000))
    assert len(parts.context.tracking.readers) == 1000


async def test_flags_in_the_list(tcp: Tcp):
    reader = await tracking(tcp, "BCAST")
    line = await reader.ask("CLIENT", "INFO")
    assert b" flags=tB " in line
    assert b" redir=0 " in line
