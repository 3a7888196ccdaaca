"""The order of replies and of effects on one connection."""

import asyncio

import pytest

from embedding.errors import EmbedderUnavailable
from mcserver.cache.upkeep import Upkeep
from mcserver.network.connection import MAX_COMMANDS_PER_TURN
from mcserver.network.pipeline import PORTION
from tests.mcserver.parts import Parts, Peer, Tcp, error_text, pack, until


@pytest.fixture
async def peer(tcp: Tcp) -> Peer:
    tcp.parts.embedder.relate("a", "similar", 0.95)
    peer = await tcp.connect()
    assert await peer.ask("MC.SET", "m", "a", "1") == b"OK"
    tcp.parts.embedder.batches.clear()
    return peer


def hold(parts: Parts) -> None:
    parts.embedder.holding = True


class TestReplies:
    async def test_in_order_although_ready_in_another(self, parts, peer):
        hold(parts)
        peer.send("MC.GET", "m", "similar")
        peer.send("MC.GET", "m", "b")
        peer.send("PING")
        peer.send("MC.GET", "m", "a")
        peer.send("NONSENSE")
        first, second = await parts.embedder.held(), await parts.embedder.held()
        second.release()
        await parts.store.models()
        first.release()
        *replies, refusal = await peer.replies(5)
        assert replies == [b"1", None, b"PONG", b"1"]
        assert "unknown command 'NONSENSE'" in error_text(refusal)

    async def test_large_ones_in_pieces(self, peer):
        answer = b"x" * 1_000_000
        await peer.ask("MC.SET", "m", "large", answer)
        for _ in range(20):
            peer.send("MC.GET", "m", "large")
            peer.send("PING")
        assert await peer.replies(40) == [answer, b"PONG"] * 20

    async def test_a_reply_in_the_version_that_was_chosen_before_it(self, parts, peer):
        hold(parts)
        peer.send("MC.GET", "m", "b")
        peer.send_bytes(pack("HELLO", 3) + pack("MC.GET", "m", "c"))
        for _ in range(2):
            (await parts.embedder.held()).release()
        first, hello, second = await peer.replies(3)
        assert (first, second) == (None, None)
        assert hello[b"proto"] == 3


class TestReads:
    async def test_side_by_side(self, parts, peer):
        hold(parts)
        for number in range(16):
            peer.send("MC.GET", "m", f"q{number}")
        held = [await parts.embedder.held() for _ in range(16)]
        assert [batch.texts for batch in held] == [[f"q{number}"] for number in range(16)]
        for batch in held:
            batch.release()
        assert await peer.replies(16) == [None] * 16

    async def test_wait_for_earlier_writes(self, parts, peer):
        hold(parts)
        peer.send("MC.SET", "m", "b", "2")
        peer.send("MC.GET", "m", "b")
        peer.send("PING")
        held = await parts.embedder.held()
        await parts.store.models()
        assert parts.embedder.batches == [["b"]]
        held.release()
        assert await peer.replies(3) == [b"OK", b"2", b"PONG"]

    async def test_a_remembered_one_waits_too(self, parts, peer):
        for _ in range(3):
            assert await peer.ask("MC.GET", "m", "a") == b"1"
        hold(parts)
        peer.send("MC.SET", "m", "a", "2")
        peer.send("MC.GET", "m", "a")
        (await parts.embedder.held()).release()
        assert await peer.replies(2) == [b"OK", b"2"]


class TestWrites:
    async def test_wait_for_earlier_reads(self, parts, peer):
        hold(parts)
        peer.send("MC.GET", "m", "similar")
        peer.send("MC.DEL", "m", 1)
        held = await parts.embedder.held()
        await parts.store.models()
        assert parts.index.vectors == 1
        held.release()
        assert await peer.replies(2) == [b"1", 1]

    async def test_prepare_side_by_side_and_take_effect_in_order(self, parts, peer):
        hold(parts)
        peer.send("MC.SET", "m", "same", "first", "WITHID")
        peer.send("MC.SET", "m", "same", "second", "SYSTEM", "", "WITHID")
        peer.send("MC.DEL", "m", 1)
        peer.send("MC.SET", "m", "other", "third", "NX", "WITHID")
        held = [await parts.embedder.held() for _ in range(3)]
        for batch in reversed(held):
            batch.release()
        assert await peer.replies(4) == [2, 2, 1, 3]
        assert await peer.ask("MC.GET", "m", "same") == b"second"

    async def test_a_failed_one_does_not_break_the_order(self, parts, peer):
        hold(parts)
        for number in range(3):
            peer.send("MC.SET", "m", f"q{number}", number, "WITHID")
        held = [await parts.embedder.held() for _ in range(3)]
        held[2].release()
        held[1].fail(EmbedderUnavailable("no model"))
        await parts.store.models()
        assert parts.index.vectors == 1
        held[0].release()
        first, second, third = await peer.replies(3)
        assert (first, error_text(second), third) == (2, "UNAVAILABLE no model", 3)

    async def test_one_that_cannot_be_started_does_not_either(self, peer):
        peer.send("MC.DROP", "other")
        peer.send("MC.DEL", "m", 1)
        refusal, removed = await peer.replies(2)
        assert (error_text(refusal), removed) == ("ERR no such model 'other'", 1)


class TestWritesThatOthersAreMadeFrom:
    """Models and their settings: what follows in the pipeline is made from what they did."""

    async def ask(self, peer, *commands):
        for words in commands:
            peer.send(*words)
        return await peer.replies(len(commands))

    async def test_a_first_answer_and_its_removal(self, peer):
        replies = await self.ask(
            peer, ["MC.SET", "n", "a", "1"], ["MC.DEL", "n", "QUERY", "a"], ["MC.SET", "n", "a", "2", "WITHID"], ["MC.GET", "n", "a"]
        )
        assert replies == [b"OK", 1, 3, b"2"]

    async def test_settings_and_an_answer(self, peer):
        replies = await self.ask(
            peer, ["MC.CONFIG", "SET", "m", "system-prompt", "ignore"], ["MC.SET", "m", "b", "2", "SYSTEM", "x"], ["MC.GET", "m", "b"]
        )
        assert replies == [b"OK", b"OK", b"2"]

    async def test_made_twice_and_dropped_twice(self, peer):
        made, again, dropped, gone = await self.ask(peer, ["MC.CREATE", "n"], ["MC.CREATE", "n"], ["MC.DROP", "n"], ["MC.DROP", "n"])
        assert (made, dropped) == (b"OK", b"OK")
        assert (error_text(again), error_text(gone)) == ("ERR model 'n' exists already", "ERR no such model 'n'")

    async def test_a_drop_and_an_answer(self, peer):
        replies = await self.ask(peer, ["MC.DROP", "m"], ["MC.SET", "m", "a", "2", "NX"], ["MC.GET", "m", "a"])
        assert replies == [b"OK", b"OK", b"2"]

    async def test_a_transaction_and_what_follows(self, peer):
        replies = await self.ask(
            peer,
            ["MULTI"],
            ["MC.SET", "m", "b", "2", "WITHID"],
            ["EXEC"],
            ["MC.SET", "m", "b", "3", "WITHID"],
            ["MC.GET", "m", "b"],
        )
        assert replies == [b"OK", b"QUEUED", [2], 2, b"3"]


class TestOtherClients:
    async def test_a_write_waits_while_a_transaction_is_under_way(self, parts, tcp, peer):
        other = await tcp.connect()
        parts.store.committing = asyncio.Event()
        peer.send_bytes(pack("MULTI") + pack("MC.DROP", "m") + pack("EXEC"))
        assert await peer.replies(2) == [b"OK", b"QUEUED"]
        await parts.store.at_commit.wait()
        other.send("MC.DROP", "m")
        other.send("MC.GET", "m", "a")
        await parts.store.models()
        parts.store.committing.set()
        assert await peer.reply() == [b"OK"]
        refusal, found = await other.replies(2)
        assert (error_text(refusal), found) == ("ERR no such model 'm'", None)


class TestRemembered:
    """A command repeated word for word is answered without being read again."""

    @pytest.fixture
    async def warm(self, parts, peer):
        for _ in range(2):
            assert await peer.ask("MC.GET", "m", "a") == b"1"
        assert len(parts.cache.exact.requests) == 1
        return peer

    async def test_counted(self, parts, warm):
        before = parts.statistics("m").exact
        for _ in range(10):
            warm.send("MC.GET", "m", "a")
        assert await warm.replies(10) == [b"1"] * 10
        statistics = parts.statistics("m")
        assert (statistics.exact - before, statistics.latency.total) == (10, statistics.exact)
        assert parts.context.statistics.commands["mc.get"].calls == statistics.exact

    async def test_of_several_models(self, parts, warm):
        await warm.ask("MC.SET", "n", "a", "2")
        for _ in range(2):
            await warm.ask("MC.GET", "n", "a")
        before = [parts.statistics(name).exact for name in "mn"]
        calls = parts.context.statistics.commands["mc.get"].calls
        warm.send_bytes(b"".join(pack("MC.GET", name, "a") for name in "mmnm"))
        assert await warm.replies(4) == [b"1", b"1", b"2", b"1"]
        assert [parts.statistics(name).exact - count for name, count in zip("mn", before, strict=True)] == [3, 1]
        assert parts.context.statistics.commands["mc.get"].calls - calls == 4

    async def test_queued_inside_multi(self, warm):
        warm.send_bytes(pack("MULTI") + pack("MC.GET", "m", "a") + pack("EXEC") + pack("MC.GET", "m", "a"))
        assert await warm.replies(4) == [b"OK", b"QUEUED", [b"1"], b"1"]

    async def test_not_before_authentication(self, parts, tcp, warm):
        parts.settings.assign([("requirepass", "secret")])
        stranger = await tcp.connect()
        assert error_text(await stranger.ask("MC.GET", "m", "a")) == "NOAUTH Authentication required."
        assert await stranger.ask("AUTH", "secret") == b"OK"
        assert await stranger.ask("MC.GET", "m", "a") == b"1"

    async def test_not_after_expiry(self, parts, warm):
        await warm.ask("MC.EXPIRE", "m", 1, 10)
        for _ in range(3):
            assert await warm.ask("MC.GET", "m", "a") == b"1"
        assert len(parts.cache.exact.requests) == 1
        parts.clock.seconds += 10
        assert await warm.ask("MC.GET", "m", "a") is None

    async def test_not_after_deletion(self, warm):
        warm.send("MC.DEL", "m", 1)
        warm.send("MC.GET", "m", "a")
        assert await warm.replies(2) == [1, None]

    async def test_not_while_a_transaction_is_under_way(self, parts, tcp, warm):
        other = await tcp.connect()
        parts.store.committing = asyncio.Event()
        warm.send_bytes(pack("MULTI") + pack("MC.SET", "m", "a", "2") + pack("EXEC"))
        await parts.store.at_commit.wait()
        other.send("MC.GET", "m", "a")
        await parts.store.models()
        parts.store.committing.set()
        assert await other.reply() == b"2"
        assert await other.ask("MC.GET", "m", "a") == b"2"

    async def test_behind_a_slow_command(self, parts, warm):
        hold(parts)
        warm.send("MC.GET", "m", "similar")
        warm.send("MC.GET", "m", "a")
        held = await parts.embedder.held()
        held.release()
        assert await warm.replies(2) == [b"1", b"1"]
        assert list(parts.cache.exact.requests) == [(b"MC.GET", b"m", b"a")]
        assert await warm.ask("MC.DEL", "m", 1) == 1

    @pytest.mark.parametrize("beginning", [b"*2\r\n$4\r\nECHO\r\n$%d\r\n", b"*2\r\n$4\r\nECHO\r\n$%d", b"*2\r\n"])
    async def test_not_where_it_is_the_text_of_another(self, parts, warm, beginning):
        """Somebody's question may be the bytes of a command, and come in a packet of its own."""
        text = pack("MC.GET", "m", "a")
        before = parts.context.statistics.bytes_in
        warm.send_bytes(beginning % len(text) if b"%" in beginning else beginning)
        await until(lambda: parts.context.statistics.bytes_in > before)
        rest = pack("ECHO", text).removeprefix(beginning % len(text) if b"%" in beginning else beginning)
        before = parts.context.statistics.bytes_in
        warm.send_bytes(rest.removesuffix(b"\r\n"))
        await until(lambda: parts.context.statistics.bytes_in > before)
        warm.send_bytes(b"\r\n")
        assert await warm.reply() == text
        assert await warm.ask("MC.GET", "m", "a") == b"1"

    async def test_in_any_spelling(self, warm):
        for words in (["mc.get", "m", "a"], ["MC.GET", "m", "a", "EXACT"], ["MC.GET", "m", "a", "SYSTEM", ""]):
            for _ in range(3):
                assert await warm.ask(*words) == b"1"

    async def test_not_with_details_or_a_vector(self, parts, peer):
        vector = parts.embedder.vector("a").tobytes()
        for _ in range(2):
            await peer.ask("MC.GET", "m", "a", "WITHMETA")
            assert await peer.ask("MC.GET", "m", "a", "VECTOR", vector) == b"1"
        assert parts.cache.exact.requests == {}


async def test_others_get_their_turn(parts, tcp, peer):
    """A long pipeline of quick commands, and another client in between."""
    count = 3 * MAX_COMMANDS_PER_TURN
    peer.send_bytes(pack("PING") * count)
    assert await peer.replies(count) == [b"PONG"] * count
    assert parts.context.statistics.commands["ping"].calls == count


async def test_a_long_reply_comes_whole_and_in_its_place(parts, peer):
    """It is encoded in portions; what was sent after it waits for it."""
    queries = [f"q{number}".encode() for number in range(2 * PORTION + 1)]
    await peer.ask("MC.CREATE", "m")
    for query in queries:
        await peer.ask("MC.GET", "m", query, "EXACT")
    await Upkeep(parts.cache, parts.settings, parts.context.statistics).flush()
    peer.send("MC.LOG", "m", "AFTER", 0, "COUNT", 1000)
    peer.send("PING")
    log, pong = await peer.replies(2)
    assert ([row[row.index(b"query") + 1] for row in log], pong) == (queries, b"PONG")
