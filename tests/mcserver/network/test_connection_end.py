"""How a connection ends, and what becomes of what was under way; limits; malformed requests."""

import asyncio
import gc
import socket
import struct
import weakref

import pytest

from mcserver.network import pipeline
from tests.mcserver.parts import Peer, Tcp, error_text, pack, until


@pytest.fixture
async def peer(tcp: Tcp) -> Peer:
    peer = await tcp.connect()
    assert await peer.ask("MC.SET", "m", "a", "1") == b"OK"
    return peer


def clients(tcp: Tcp) -> int:
    return len(tcp.parts.context.clients)


async def drop(peer: Peer, tcp: Tcp) -> None:
    """The client is gone, and the server has seen it: a reset, not just the end of what is sent."""
    left = clients(tcp) - 1
    peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.writer.transport.abort()
    await until(lambda: clients(tcp) == left)


class TestQuit:
    async def test_after_what_was_sent_before_it(self, parts, peer):
        parts.embedder.holding = True
        peer.send_bytes(pack("MC.GET", "m", "b") + pack("QUIT") + pack("PING"))
        (await parts.embedder.held()).release()
        assert await peer.replies(2) == [None, b"OK"]
        assert await peer.ended()

    async def test_behind_a_write(self, parts, peer):
        parts.embedder.holding = True
        peer.send_bytes(pack("MC.SET", "m", "b", "2") + pack("PING") + pack("QUIT") + pack("PING"))
        held = await parts.embedder.held()
        received = parts.context.statistics.bytes_in
        peer.send("PING")
        await until(lambda: parts.context.statistics.bytes_in > received)
        held.release()
        assert await peer.replies(3) == [b"OK", b"PONG", b"OK"]
        assert await peer.ended()

    async def test_what_comes_after_it_is_not_looked_at(self, parts, peer):
        parts.embedder.holding = True
        peer.send_bytes(pack("MC.GET", "m", "b") + pack("QUIT"))
        held = await parts.embedder.held()
        received = parts.context.statistics.bytes_in
        peer.send_bytes(b"*1\r\n$1000000\r\n" + b"x" * 1000)
        await until(lambda: parts.context.statistics.bytes_in > received)
        held.release()
        assert await peer.replies(2) == [None, b"OK"]
        assert await peer.ended()


class TestHalfClosed:
    async def test_replies_owed_are_sent(self, parts, peer):
        parts.embedder.holding = True
        peer.send_bytes(pack("MC.GET", "m", "b") + pack("MC.SET", "m", "b", "2") + pack("PING"))
        peer.writer.write_eof()
        for _ in range(2):
            (await parts.embedder.held()).release()
        assert await peer.replies(3) == [None, b"OK", b"PONG"]
        assert await peer.ended()

    async def test_nothing_owed(self, peer):
        peer.writer.write_eof()
        assert await peer.ended()

    async def test_in_the_middle_of_a_request(self, peer):
        peer.send_bytes(pack("PING") + b"*2\r\n$4\r\nPI")
        assert await peer.reply() == b"PONG"
        peer.writer.write_eof()
        assert await peer.ended()


class TestGone:
    async def test_a_write_under_way_takes_effect(self, parts, tcp, peer):
        parts.embedder.holding = True
        peer.send("MC.SET", "m", "b", "2")
        peer.send("MC.SET", "m", "c", "3")
        held = [await parts.embedder.held() for _ in range(2)]
        parts.embedder.holding = False
        await drop(peer, tcp)
        for batch in held:
            batch.release()
        await until(lambda: parts.index.vectors == 3)
        assert await parts.ask("MC.MGET", "m", 3, *"abc") == [b"1", b"2", b"3"]

    async def test_a_write_that_is_committed_reaches_the_index(self, parts, tcp, peer):
        parts.store.committing = asyncio.Event()
        peer.send("MC.SET", "new", "b", "2")
        await parts.store.at_commit.wait()
        await drop(peer, tcp)
        parts.store.committing.set()
        await until(lambda: not parts.cache.gate.closed)
        assert await parts.ask("MC.GET", "new", "b") == b"2"
        assert await parts.index.check() == 0

    async def test_reads_are_given_up_and_writes_behind_them_done(self, parts, tcp, peer):
        parts.embedder.holding = True
        peer.send_bytes(
            pack("MC.GET", "m", "b") + pack("MC.CONFIG", "SET", "m", "threshold", "0.5") + pack("MC.GET", "m", "c") + pack("MC.DEL", "m", 1)
        )
        await parts.embedder.held()
        await drop(peer, tcp)
        await until(lambda: parts.index.vectors == 0)
        assert await parts.ask("MC.CONFIG", "GET", "m", "threshold") == {"threshold": b"0.5"}
        assert len(parts.embedder.batches) == 2  # that of MC.SET, and that of the read that was given up

    async def test_a_transaction_that_waits_is_done_as_a_whole(self, parts, tcp, peer):
        parts.embedder.holding = True
        peer.send_bytes(
            pack("MC.SET", "m", "b", "2")
            + b"".join([pack("MULTI"), pack("MC.SET", "m", "c", "3"), pack("MC.GET", "m"), pack("EXEC")])
            + b"".join([pack("MULTI"), pack("MC.SET", "m", "d", "4"), pack("MC.GET", "m", "a"), pack("EXEC")])
        )
        held = await parts.embedder.held()
        parts.embedder.holding = False
        await drop(peer, tcp)
        held.release()
        await until(lambda: parts.index.vectors == 3)
        assert await parts.ask("MC.MGET", "m", 3, *"bcd") == [b"2", None, b"4"]


class TestMalformed:
    async def test_after_the_replies_owed(self, parts, peer):
        parts.embedder.holding = True
        peer.send_bytes(pack("MC.GET", "m", "b") + pack("PING") + b"*1\r\n:1\r\n" + pack("PING"))
        held = await parts.embedder.held()
        received = parts.context.statistics.bytes_in
        peer.send("PING")
        await until(lambda: parts.context.statistics.bytes_in > received)
        held.release()
        *replies, refusal = await peer.replies(3)
        assert replies == [None, b"PONG"]
        assert error_text(refusal) == "ERR Protocol error: expected '$', got ':'"
        assert await peer.ended()

    async def test_hits_before_it_are_counted(self, parts, peer):
        for _ in range(2):
            await peer.ask("MC.GET", "m", "a")
        peer.send_bytes(pack("MC.GET", "m", "a") + b"*1\r\n:1\r\n")
        hit, refusal = await peer.replies(2)
        assert (hit, error_text(refusal)[:18]) == (b"1", "ERR Protocol error")
        assert parts.statistics("m").exact == 3

    async def test_a_browser(self, peer):
        peer.send_bytes(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with pytest.raises((EOFError, ConnectionError)):
            await peer.reply()

    async def test_a_request_that_is_too_large(self, parts, tcp):
        parts.settings.assign([("proto-max-bulk-len", "1048576"), ("client-query-buffer-limit", "1048576")])
        peer = await tcp.connect()
        peer.send_bytes(b"*3\r\n$4\r\nECHO\r\n$1048000\r\n" + b"x" * 1_048_000 + b"\r\n$1000\r\n")
        with pytest.raises((EOFError, ConnectionError)):
            await peer.reply()
        assert parts.context.statistics.query_limit_disconnections == 1

    async def test_limits_that_change(self, parts, tcp, peer):
        assert len(await peer.ask("ECHO", b"x" * 1_100_000)) == 1_100_000
        parts.settings.assign([("proto-max-bulk-len", "1048576")])
        peer.send_bytes(b"*2\r\n$4\r\nECHO\r\n$1100000\r\n")
        assert error_text(await peer.reply()) == "ERR Protocol error: invalid bulk length"


class TestErrors:
    async def test_counted(self, parts, peer):
        error_text(await peer.ask("MC.GET", "m"))
        error_text(await peer.ask("MC.GET", "m", " "))
        error_text(await peer.ask("NONSENSE"))
        counters = parts.context.statistics.commands["mc.get"]
        assert (counters.rejected, counters.failed) == (1, 1)
        assert parts.context.statistics.errors == {"ERR": 3}

    async def test_inside_multi(self, peer):
        peer.send_bytes(pack("MULTI") + pack("MC.SET", "m", "b", "2") + pack("NONSENSE") + pack("EXEC"))
        _, _, refusal, aborted = await peer.replies(4)
        assert error_text(refusal).startswith("ERR unknown command")
        assert error_text(aborted).startswith("EXECABORT")
        assert await peer.ask("MC.GET", "m", "b") is None

    @pytest.mark.parametrize("words", [["MC.GET", "m", "b"], ["MC.SET", "m", "b", "2"], ["MC.EMBED", "m", "x"]])
    async def test_that_nobody_foresaw(self, parts, peer, caplog, words):
        parts.embedder.failure = ZeroDivisionError("secret")
        name = words[0].lower()
        assert error_text(await peer.ask(*words)) == f"ERR internal error in '{name}': ZeroDivisionError; the server's log has the details"
        assert f"event=command-failed command={name}" in caplog.messages
        assert await peer.ask("PING") == b"PONG"

    async def test_at_once(self, parts, peer, monkeypatch, caplog):
        monkeypatch.setattr(parts.cache.models, "seen", lambda user: 1 / 0)
        assert "ZeroDivisionError" in error_text(await peer.ask("MC.MODELS"))

    @pytest.mark.parametrize("words", [["MC.TTL", "m", 1], ["PING"]])
    async def test_a_value_that_is_no_reply(self, parts, peer, monkeypatch, caplog, words):
        monkeypatch.setattr("mcserver.commands.connection.PONG", object())
        monkeypatch.setattr("mcserver.commands.entry._seconds_left", lambda expires, now: object())
        assert "TypeError" in error_text(await peer.ask(*words))
        assert await peer.ask("ECHO", "x") == b"x"


class TestPressure:
    async def test_only_so_many_commands_at_a_time(self, parts, peer, monkeypatch):
        monkeypatch.setattr(pipeline, "MAX_PENDING", 4)
        parts.embedder.holding = True
        for number in range(10):
            peer.send("MC.GET", "m", f"q{number}")
        held = [await parts.embedder.held() for _ in range(4)]
        await parts.store.models()
        assert len(parts.embedder.batches) == 5
        for batch in held:
            batch.release()
        for _ in range(6):
            (await parts.embedder.held()).release()
        assert await peer.replies(10) == [None] * 10

    async def test_only_so_many_bytes_at_a_time(self, parts, peer, monkeypatch):
        monkeypatch.setattr(pipeline, "MAX_PENDING_BYTES", 1000)
        parts.embedder.holding = True
        peer.send("MC.SET", "m", "b", "x" * 600)
        peer.send("MC.GET", "m", "b")
        peer.send("ECHO", "y" * 600)
        peer.send("PING")
        held = await parts.embedder.held()
        await parts.store.models()
        held.release()
        assert await peer.replies(4) == [b"OK", b"x" * 600, b"y" * 600, b"PONG"]

    async def test_replies_that_are_not_read(self, parts, tcp, peer):
        """Each answer is kept once, however often it is owed; commands behind it wait."""
        answer = b"x" * 4_000_000
        await peer.ask("MC.SET", "m", "large", answer)
        await peer.ask("MC.GET", "m", "large")
        await peer.ask("MC.GET", "m", "large")
        peer._reader._transport.pause_reading()
        peer.send_bytes(pack("MC.GET", "m", "large") * 20 + pack("MC.DEL", "m", 1))
        [connection] = tcp.server._connections.values()
        await until(lambda: connection.buffers().unread > 0)
        assert connection.transport.get_write_buffer_size() < 2 * len(answer)
        assert parts.index.vectors == 2
        peer._reader._transport.resume_reading()
        assert await peer.replies(21) == [answer] * 20 + [1]

    async def test_too_many_bytes_that_are_not_read(self, parts, tcp, peer):
        await peer.ask("MC.SET", "m", "large", b"x" * 4_000_000)
        parts.settings.assign([("client-output-buffer-limit", "normal 1000000 0 0")])
        peer._reader._transport.pause_reading()
        peer.send_bytes(pack("MC.GET", "m", "large") * 10)
        await until(lambda: clients(tcp) == 0)
        assert parts.context.statistics.output_limit_disconnections >= 1

    async def test_it_grows_while_it_is_not_read(self, parts, tcp, peer):
        """Replies to what was under way when the output became full count too."""
        await peer.ask("MC.SET", "m", "large", b"x" * 4_000_000)
        peer._reader._transport.pause_reading()
        parts.embedder.holding = True
        peer.send_bytes(pack("MC.GET", "m", "large") * 5 + pack("MC.GET", "m", "b"))
        held = await parts.embedder.held()
        [connection] = tcp.server._connections.values()
        await until(lambda: connection.buffers().unread > 0)
        parts.settings.assign([("client-output-buffer-limit", "normal 1 0 0")])
        held.release()
        await until(lambda: clients(tcp) == 0)
        assert parts.context.statistics.output_limit_disconnections >= 1


class TestEndOfTheLoop:
    async def test_a_read_cancelled_by_the_end_of_the_process(self, parts, tcp, peer):
        parts.embedder.holding = True
        peer.send("MC.GET", "m", "b")
        await parts.embedder.held()
        [connection] = tcp.server._connections.values()
        [task] = connection._pipeline._tasks
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class TestFreed:
    async def test_a_connection_is_freed_at_once(self, parts, tcp):
        """Not by the garbage collector: clients that come and go would have it stop everybody again and again."""
        gc.collect()
        gc.disable()
        try:
            peer = await tcp.connect()
            await peer.ask("MC.SET", "m", "a", "1")
            await peer.ask("SUBSCRIBE", "news")
            [connection] = tcp.server._connections.values()
            watched = weakref.ref(connection)
            del connection
            await peer.close()
            await until(lambda: watched() is None)
        finally:
            gc.enable()

    async def test_nobody_is_bothered_by_what_is_left_of_its_client(self, parts, tcp, peer):
        await peer.ask("PING")
        [client] = parts.context.clients.values()
        await peer.close()
        await until(lambda: not parts.context.clients)
        client.push("too late")
        client.link.disturb()
        client.link.close()
        client.link.abort()
        assert client.link.buffers() == (0, 0)


class TestLimitsOnWhatIsNotRead:
    async def test_small_ones_are_looked_at_too(self, parts, tcp, peer):
        """Before the socket's own buffer in this process would be full."""
        parts.settings.assign([("client-output-buffer-limit", "pubsub 100000 0 0")])
        await peer.ask("SUBSCRIBE", "news")
        peer._reader._transport.pause_reading()
        other = await tcp.connect()
        while len(parts.context.clients) == 2:
            await other.ask("PUBLISH", "news", b"x" * 50_000)
        assert parts.context.statistics.output_limit_disconnections == 1

    async def test_a_soft_one_without_traffic(self, parts, tcp, peer, monkeypatch):
        parts.settings.assign([("client-output-buffer-limit", "pubsub 0 100000 1")])
        await peer.ask("SUBSCRIBE", "news")
        peer._reader._transport.pause_reading()
        [connection] = tcp.server._connections.values()
        other = await tcp.connect()
        while connection.over_soft_limit is None:
            await other.ask("PUBLISH", "news", b"x" * 50_000)
        assert len(parts.context.clients) == 2
        await until(lambda: len(parts.context.clients) == 1)
        assert parts.context.statistics.output_limit_disconnections == 1

    async def test_within_the_soft_one_again(self, parts, tcp, peer):
        parts.settings.assign([("client-output-buffer-limit", "pubsub 0 100000 60")])
        await peer.ask("SUBSCRIBE", "news")
        peer._reader._transport.pause_reading()
        [connection] = tcp.server._connections.values()
        other = await tcp.connect()
        sent = 0
        while connection.over_soft_limit is None:
            await other.ask("PUBLISH", "news", b"x" * 50_000)
            sent += 1
        peer._reader._transport.resume_reading()
        for _ in range(sent):
            await peer.reply()
        await until(lambda: connection.over_soft_limit is None)
        assert len(parts.context.clients) == 2
