"""CLIENT KILL, REPLY, NO-EVICT and their like, over connections."""

import pytest

from tests.mcserver.parts import Parts, Peer, error_text, pack, until


async def fields(peer: Peer) -> dict[str, str]:
    line = (await peer.ask("CLIENT", "INFO")).decode().strip()
    return dict(field.split("=", 1) for field in line.split(" "))


class TestKill:
    @pytest.mark.parametrize("option", ["ID", "ADDR"])
    async def test_another(self, peer, other, option):
        told = await fields(other)
        assert await peer.ask("CLIENT", "KILL", option, told[option.lower()]) == 1
        assert await other.ended()

    async def test_by_address_alone(self, peer, other):
        assert await peer.ask("CLIENT", "KILL", (await fields(other))["addr"]) == b"OK"
        assert await other.ended()
        assert error_text(await peer.ask("CLIENT", "KILL", "000.000.000.000:0000")) == "ERR No such client"

    async def test_oneself_after_the_reply(self, peer):
        assert await peer.ask("CLIENT", "KILL", "ID", (await fields(peer))["id"], "SKIPME", "no") == 1
        assert await peer.ended()

    async def test_nothing_behind_it_is_run(self, parts, peer):
        address = (await fields(peer))["addr"]
        peer.send_bytes(pack("CLIENT", "KILL", address) + pack("CONFIG", "SET", "timeout", "77"))
        assert await peer.reply() == b"OK"
        assert await peer.ended()
        assert parts.settings.timeout == 0

    async def test_all_but_oneself(self, peer, other):
        assert await peer.ask("CLIENT", "KILL", "TYPE", "normal", "USER", "default") == 1
        assert await other.ended()
        assert await peer.ask("PING") == b"PONG"

    async def test_filters_all_have_to_fit(self, peer, other):
        told = await fields(other)
        assert await peer.ask("CLIENT", "KILL", "ID", told["id"], "ADDR", "127.0.0.1:1") == 0
        assert await peer.ask("CLIENT", "KILL", "ID", told["id"], "TYPE", "pubsub") == 0
        assert await peer.ask("CLIENT", "KILL", "LADDR", told["laddr"], "MAXAGE", "100") == 0
        assert await other.ask("PING") == b"PONG"

    async def test_by_age(self, parts, peer, other):
        await peer.ask("PING")
        parts.clock.seconds += 200
        assert await peer.ask("CLIENT", "KILL", "MAXAGE", "100") == 1
        assert await other.ended()

    async def test_what_it_has_sent_is_still_done(self, parts, peer, other):
        """A write that was received is carried out, though nobody waits for its reply."""
        parts.embedder.holding = True
        told = await fields(other)
        other.send("MC.SET", "m", "a", "1")
        held = await parts.embedder.held()
        await peer.ask("CLIENT", "KILL", "ID", told["id"])
        parts.embedder.holding = False
        held.release()
        await until(lambda: len(parts.context.clients) == 1 and len(parts.cache.models) == 1)
        assert await peer.ask("MC.GET", "m", "a") == b"1"

    @pytest.mark.parametrize(
        ("words", "refusal"),
        [
            (["ID", "0"], "ERR client-id should be greater than 0"),
            (["ID", "x"], "ERR client-id should be greater than 0"),
            (["TYPE", "strange"], "ERR Unknown client type 'strange'"),
            (["USER", "nobody"], "ERR No such user 'nobody'"),
            (["SKIPME", "maybe"], "ERR syntax error"),
            (["MAXAGE", "x"], "ERR maxage is not an integer or out of range"),
            (["ID", "1", "ADDR"], "ERR syntax error"),
            (["COLOUR", "red"], "ERR syntax error"),
        ],
    )
    async def test_wrong_arguments(self, peer, words, refusal):
        assert error_text(await peer.ask("CLIENT", "KILL", *words)) == refusal


class TestReply:
    async def test_none_until_on(self, peer):
        peer.send_bytes(pack("CLIENT", "REPLY", "OFF") + pack("PING") + pack("NOSUCH") + pack("MC.SET", "m", "a", "1"))
        peer.send_bytes(pack("MC.GET", "m", "a") + pack("CLIENT", "REPLY", "SKIP") + pack("CLIENT", "REPLY", "ON") + pack("ECHO", "x"))
        assert await peer.replies(2) == [b"OK", b"x"]
        assert await peer.ask("MC.GET", "m", "a") == b"1"

    async def test_not_to_the_next(self, peer):
        await peer.ask("MC.SET", "m", "a", "1")
        for _ in range(3):
            await peer.ask("MC.GET", "m", "a")
        peer.send_bytes(pack("CLIENT", "REPLY", "SKIP") + pack("MC.GET", "m", "a") + pack("ECHO", "x"))
        assert await peer.reply() == b"x"
        peer.send_bytes(pack("CLIENT", "REPLY", "SKIP") + pack("MC.GET", "m", "unknown") + pack("ECHO", "y") + pack("MC.GET", "m", "a"))
        assert await peer.replies(2) == [b"y", b"1"]

    async def test_of_a_command_that_takes_time(self, parts, peer):
        parts.embedder.holding = True
        peer.send_bytes(pack("CLIENT", "REPLY", "SKIP") + pack("MC.SET", "m", "a", "1") + pack("MC.SET", "m", "b", "2"))
        first, second = await parts.embedder.held(), await parts.embedder.held()
        second.release()
        first.release()
        assert await peer.reply() == b"OK"
        assert await peer.ask("ECHO", "x") == b"x"

    async def test_reset_turns_it_on(self, peer):
        peer.send_bytes(pack("CLIENT", "REPLY", "OFF") + pack("PING") + pack("RESET") + pack("ECHO", "x"))
        assert await peer.replies(2) == [b"RESET", b"x"]

    async def test_wrong_word(self, peer):
        assert error_text(await peer.ask("CLIENT", "REPLY", "MAYBE")) == "ERR syntax error"


class TestEviction:
    async def fill(self, parts: Parts, peer: Peer) -> None:
        """Have megabytes wait for a client that does not read them."""
        await peer.ask("MC.SET", "m", "large", b"x" * 4_000_000)
        peer._reader._transport.pause_reading()
        peer.send_bytes(pack("MC.GET", "m", "large") * 4)
        await until(lambda: parts.context.clients and max(sum(one.link.buffers()) for one in parts.context.clients.values()) > 4_000_000)

    async def test_those_with_the_most_go_first(self, parts, peer, other):
        await self.fill(parts, other)
        parts.settings.assign([("maxmemory-clients", "1mb")])
        await until(lambda: len(parts.context.clients) == 1)
        assert b"evicted_clients:1\r\n" in await peer.ask("INFO", "stats")

    async def test_not_those_that_asked_to_stay(self, parts, peer, other):
        assert await other.ask("CLIENT", "NO-EVICT", "ON") == b"OK"
        await self.fill(parts, other)
        parts.settings.assign([("maxmemory-clients", "1mb")])
        assert await peer.ask("PING") == b"PONG"
        assert len(parts.context.clients) == 2

    async def test_as_soon_as_the_limit_is_passed(self, parts, peer, other):
        parts.settings.assign([("maxmemory-clients", "1mb")])
        other.send_bytes(b"*2\r\n$4\r\nECHO\r\n$2000000\r\n" + b"x" * 1_500_000)
        await until(lambda: len(parts.context.clients) == 1)
        assert parts.context.statistics.evicted_clients == 1

    async def test_a_transaction_without_end(self, parts, peer, other):
        parts.settings.assign([("proto-max-bulk-len", "1mb"), ("client-query-buffer-limit", "1mb")])
        await other.ask("MULTI")
        for _ in range(3):
            other.send("ECHO", b"x" * 500_000)
        await until(lambda: len(parts.context.clients) == 1)
        assert parts.context.statistics.query_limit_disconnections == 1

    async def test_what_has_gone_counts_no_more(self, parts, tcp, peer, other):
        other.send_bytes(b"*2\r\n$4\r\nECHO\r\n$2000000\r\n" + b"x" * 1_500_000)
        await until(lambda: tcp.server._buffered > 1_000_000)
        await other.close()
        await until(lambda: tcp.server._buffered == 0)


async def test_flags_of_a_line(peer):
    await peer.ask("CLIENT", "NO-EVICT", "ON")
    await peer.ask("CLIENT", "NO-TOUCH", "ON")
    assert (await fields(peer))["flags"] == "eT"
    await peer.ask("CLIENT", "NO-EVICT", "OFF")
    await peer.ask("CLIENT", "NO-TOUCH", "OFF")
    assert (await fields(peer))["flags"] == "N"
    assert error_text(await peer.ask("CLIENT", "NO-EVICT", "x")) == "ERR syntax error"
    assert error_text(await peer.ask("CLIENT", "NO-TOUCH", "x")) == "ERR syntax error"


async def test_unblock(peer):
    assert await peer.ask("CLIENT", "UNBLOCK", "1", "ERROR") == 0
    assert error_text(await peer.ask("CLIENT", "UNBLOCK", "x")) == "ERR value is not an integer or out of range"
    assert error_text(await peer.ask("CLIENT", "UNBLOCK", "1", "WHY")) == "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
    assert error_text(await peer.ask("CLIENT", "UNBLOCK", "1", "ERROR", "x")).startswith("ERR unknown subcommand or wrong number")


async def test_lookups_that_do_not_touch(parts, peer, other):
    await peer.ask("MC.SET", "m", "a", "1")
    await other.ask("CLIENT", "NO-TOUCH", "ON")
    for _ in range(3):
        assert await other.ask("MC.GET", "m", "a") == b"1"
    assert await other.ask("MC.MGET", "m", "1", "a") == [b"1"]
    assert not parts.cache.exact.touched
    assert await peer.ask("MC.GET", "m", "a") == b"1"
    assert [answer.hits for answer in parts.cache.exact.touched] == [1]
    assert parts.statistics("m").exact == 5


@pytest.mark.parametrize("words", [["WATCH"], ["SUBSCRIBE"], ["PSUBSCRIBE"], ["SSUBSCRIBE"]], ids=" ".join)
async def test_names_that_are_kept_for_a_client_count(parts, peer, other, words):
    parts.settings.assign([("maxmemory-clients", "200000")])
    for number in range(0, 2000, 100):
        other.send(*words, *map(str, range(number, number + 100)))
    await until(lambda: len(parts.context.clients) == 1)
    assert parts.context.statistics.evicted_clients == 1


async def test_prefixes_of_tracking_count(parts, peer, other):
    parts.settings.assign([("maxmemory-clients", "200000")])
    for number in range(2000):
        other.send("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", f"{number:012}")
    await until(lambda: len(parts.context.clients) == 1)
    assert parts.context.statistics.evicted_clients == 1


async def test_a_client_that_is_cut_off_is_shown_no_more(parts, peer, other):
    """The loop says only later that the connection is lost."""
    number = await other.ask("CLIENT", "ID")
    parts.context.clients[number].link.abort()
    assert number not in parts.context.clients
    assert await other.ended()


@pytest.mark.parametrize(
    ("words", "end"), [("WATCH", "UNWATCH"), ("SUBSCRIBE", "UNSUBSCRIBE"), ("PSUBSCRIBE", "RESET"), ("WATCH", "RESET")]
)
async def test_and_count_no_more_when_they_are_let_go(parts, peer, words, end):
    [client] = parts.context.clients.values()
    await peer.ask("HELLO", "3")
    peer.send(words, "a", "b", "a")
    peer.send("ECHO", "done")
    while await peer.reply() != b"done":
        pass
    assert client.kept_bytes > 0
    peer.send(end)
    peer.send("ECHO", "done")
    while await peer.reply() != b"done":
        pass
    assert client.kept_bytes == 0
