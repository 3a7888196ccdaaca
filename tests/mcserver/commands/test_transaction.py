"""MULTI, EXEC and DISCARD: one step for everybody else, all of it or nothing."""

import asyncio
import inspect

import pytest

from embedding.errors import EmbedderUnavailable
from mcserver.context import Result
from tests.mcserver.parts import Parts, error_text, until


@pytest.fixture
async def stored(parts: Parts) -> Parts:
    parts.embedder.relate("a", "similar", 0.95)
    await parts.ask("MC.SET", "m", "a", "1")
    return parts


class TestInside:
    async def test_replies_in_order(self, stored):
        replies = await stored.execute(
            ["MC.GET", "m", "a"],
            ["MC.SET", "m", "b", "2", "WITHID"],
            ["PING"],
            ["MC.GET", "m", "b"],
            ["MC.ENTRY", "m", 99],
            ["MC.DEL", "m", 1],
            ["MC.GET", "m", "similar"],
            ["MC.MODELS"],
        )
        assert replies == [b"1", 2, b"PONG", b"2", None, 1, None, [b"m"]]

    async def test_reads_see_what_was_written_before_them(self, stored):
        replies = await stored.execute(
            ["MC.SET", "m", "a", "new"],
            ["MC.GET", "m", "a"],
            ["MC.GET", "m", "similar"],
            ["MC.ENTRY", "m", 1],
            ["MC.EXPIRE", "m", 1, 50],
            ["MC.TTL", "m", 1],
            ["MC.TRUNCATE", "m"],
            ["MC.GET", "m", "similar"],
        )
        assert replies[1:3] == [b"new", b"new"]
        assert replies[3]["answer"] == b"new"
        assert replies[4:] == [1, 50, 1, None]

    async def test_the_walk_and_the_description_of_a_model_do_too(self, stored):
        replies = await stored.execute(
            ["MC.SET", "m", "b", "2", "TAGS", 1, "x"],
            ["MC.SCAN", "m", 0],
            ["MC.SCAN", "m", 0, "COUNT", 1, "TAGS", 1, "x"],
            ["MC.INFO", "m"],
            ["MC.TRUNCATE", "m"],
            ["MC.SCAN", "m", 0],
            ["MC.INFO", "m"],
        )
        assert replies[1:3] == [[b"0", [1, 2]], [b"1", []]]
        assert [replies[place]["entries"] for place in (3, 6)] == [2, 0]
        assert replies[5] == [b"0", []]

    async def test_a_new_model(self, parts):
        assert await parts.execute(["MC.GET", "m", "a"], ["MC.SET", "m", "a", "1"], ["MC.GET", "m", "a"]) == [None, b"OK", b"1"]

    async def test_a_model_is_dropped_and_made_again(self, stored):
        replies = await stored.execute(
            ["MC.DROP", "m"],
            ["MC.GET", "m", "a"],
            ["MC.SET", "m", "b", "2"],
            ["MC.MGET", "m", 2, "a", "b"],
            ["MC.CREATE", "m"],
            ["MC.CONFIG", "SET", "m", "threshold", "0.5"],
            ["MC.CONFIG", "GET", "m", "threshold"],
        )
        assert replies[:4] == [b"OK", None, b"OK", [None, b"2"]]
        assert "exists already" in error_text(replies[4])
        assert replies[5:] == [b"OK", {"threshold": b"0.5"}]
        assert await stored.ask("MC.MGET", "m", 2, "a", "b") == [None, b"2"]

    async def test_what_is_compared_changes(self, stored):
        replies = await stored.execute(
            ["MC.CONFIG", "SET", "m", "system-prompt", "ignore"],
            ["MC.SET", "m", "b", "2", "SYSTEM", "x"],
            ["MC.GET", "m", "b"],
        )
        assert replies == [b"OK", b"OK", b"2"]

    async def test_texts_are_embedded_first_and_once(self, stored):
        stored.embedder.batches.clear()
        await stored.execute(["MC.SET", "m", "b", "2"], ["MC.GET", "m", "c"], ["MC.GET", "m", "d"])
        assert stored.embedder.batches == [["b"], ["c"], ["d"]]

    async def test_nothing_to_do(self, parts):
        assert await parts.execute() == []
        assert await parts.execute(["PING"], ["ECHO", "x"]) == [b"PONG", b"x"]

    async def test_only_reads(self, stored):
        assert await stored.execute(["MC.GET", "m", "a"], ["MC.GET", "m", "similar"], ["MC.MGET", "m", 1, "a"]) == [b"1", b"1", [b"1"]]
        assert await stored.execute(["MC.TTL", "m", 1], ["DBSIZE"]) == [-1, 1]


class TestErrors:
    async def test_of_single_commands(self, stored):
        replies = await stored.execute(
            ["MC.SET", "m", " ", "x"],
            ["MC.SET", "m", "b", "x", "NONSENSE"],
            ["MC.DROP", "other"],
            ["MC.ENTRY", "m", "x"],
            ["MC.SET", "m", "b", "2"],
        )
        assert [error_text(reply).split(":")[0] for reply in replies[:4]] == [
            "ERR empty query",
            "ERR syntax error",
            "ERR no such model 'other'",
            "ERR value is not an integer or out of range",
        ]
        assert replies[4] == b"OK"
        assert await stored.ask("MC.GET", "m", "b") == b"2"

    async def test_the_embedder_is_down(self, stored):
        stored.embedder.failure = EmbedderUnavailable("no model")
        replies = await stored.execute(["MC.SET", "m", "b", "2"], ["MC.GET", "m", "similar"], ["MC.GET", "m", "a"], ["MC.DEL", "m", 1])
        assert error_text(replies[0]) == "UNAVAILABLE no model"
        assert replies[1:] == [None, b"1", 1]

    async def test_a_command_that_cannot_be_queued_spoils_all(self, stored):
        await stored.ask("MULTI")
        await stored.ask("MC.SET", "m", "b", "2")
        stored.client.transaction_failed = True
        assert error_text(await stored.ask("EXEC")) == "EXECABORT Transaction discarded because of previous errors."
        assert await stored.ask("MC.GET", "m", "b") is None
        assert error_text(await stored.ask("EXEC")) == "ERR EXEC without MULTI"

    async def test_out_of_place(self, parts):
        assert error_text(await parts.ask("EXEC")) == "ERR EXEC without MULTI"
        assert error_text(await parts.ask("DISCARD")) == "ERR DISCARD without MULTI"
        await parts.ask("MULTI")
        assert error_text(await parts.ask("MULTI")) == "ERR MULTI calls can not be nested"
        assert error_text(await parts.ask("SHUTDOWN")) == "ERR Command not allowed inside a transaction"
        assert await parts.ask("DISCARD") == b"OK"

    async def test_discard(self, stored):
        await stored.ask("MULTI")
        assert await stored.ask("MC.SET", "m", "b", "2") == b"QUEUED"
        assert await stored.ask("DISCARD") == b"OK"
        assert await stored.ask("MC.GET", "m", "b") is None


class TestFailedCommit:
    @pytest.fixture
    async def failing(self, stored):
        await stored.ask("MC.GET", "m", "a")
        stored.store.commit_fails = True
        return stored

    async def test_nothing_is_left(self, failing):
        reply = await failing.execute(
            ["MC.SET", "m", "a", "new", "VECTOR", failing.embedder.vector("elsewhere").tobytes()],
            ["MC.SET", "n", "a", "new"],
            ["MC.GET", "m", "a"],
            ["MC.CONFIG", "SET", "m", "threshold", "0.99"],
        )
        assert error_text(reply) == "UNAVAILABLE the disk is full"
        assert await failing.ask("MC.MODELS") == [b"m"]
        assert await failing.ask("MC.GET", "m", "a") == b"1"
        assert await failing.ask("MC.GET", "m", "similar") == b"1"
        assert await failing.ask("MC.GET", "m", "elsewhere") is None
        assert failing.statistics("m").exact == 3  # what was counted stays counted

    async def test_a_model_that_was_dropped_is_there_again(self, failing):
        error_text(await failing.execute(["MC.DROP", "m"], ["MC.SET", "m", "b", "2"]))
        assert await failing.ask("MC.MGET", "m", 3, "a", "similar", "b") == [b"1", b"1", None]

    async def test_it_is_made_good_when_the_store_is_back(self, failing):
        failing.store.down_after_commit = True
        error_text(await failing.execute(["MC.SET", "n", "a", "2"]))
        assert await failing.ask("MC.GET", "n", "a") is None
        failing.store.down = False
        await failing.cache.restore()
        assert await failing.ask("MC.MODELS") == [b"m"]
        await failing.cache.restore()
        assert await failing.ask("MC.GET", "m", "a") == b"1"

    async def test_the_next_transaction_does_not_rest_on_it(self, failing):
        failing.store.down_after_commit = True
        error_text(await failing.execute(["MC.SET", "n", "a", "2"], ["MC.SET", "m", "a", "never"]))
        failing.store.down = failing.store.commit_fails = False
        assert await failing.execute(["MC.GET", "m", "a"], ["MC.MODELS"]) == [b"1", [b"m"]]
        assert await failing.ask("MC.MODELS") == [b"m"]


class TestStoreDown:
    async def test_writes(self, stored):
        await stored.ask("MC.GET", "m", "a")
        stored.store.down = True
        assert error_text(await stored.execute(["MC.SET", "m", "b", "2"], ["MC.GET", "m", "a"])) == "UNAVAILABLE the store is down"
        assert await stored.ask("MC.GET", "m", "a") == b"1"

    async def test_reads(self, stored):
        await stored.ask("MC.GET", "m", "a")
        stored.store.down = True
        replies = await stored.execute(["MC.GET", "m", "a"], ["MC.GET", "m", "similar"], ["MC.ENTRY", "m", 1], ["PING"])
        assert replies[:2] == [b"1", None]
        assert error_text(replies[2]) == "UNAVAILABLE the store is down"
        assert replies[3] == b"PONG"


class TestSeenByOthers:
    @pytest.mark.parametrize(
        ("words", "after"),
        [
            (["MC.GET", "m", "a"], b"2"),
            (["MC.MGET", "m", 1, "a"], [b"2"]),
            (["MC.MODELS"], [b"m"]),
            (["DBSIZE"], 1),
            (["MC.SCAN", "m", 0], [b"0", [2]]),
            (["MC.TTL", "m", 2], -1),
            (["MC.CONFIG", "GET", "m", "threshold"], {"threshold": b"0.5"}),
        ],
    )
    async def test_reads_wait_for_its_end(self, stored, words, after):
        await stored.ask("MC.GET", "m", "a")
        stored.store.committing = asyncio.Event()
        running = asyncio.create_task(stored.execute(["MC.DROP", "m"], ["MC.CREATE", "m", "threshold", "0.5"], ["MC.SET", "m", "a", "2"]))
        await stored.store.at_commit.wait()
        other = asyncio.create_task(stored.ask(*words))
        await stored.store.models()
        assert not other.done()
        stored.store.committing.set()
        assert await running == [b"OK", b"OK", b"OK"]
        assert await other == after

    async def test_what_has_nothing_to_do_with_it_goes_on(self, stored):
        stored.store.committing = asyncio.Event()
        running = asyncio.create_task(stored.execute(["MC.DROP", "m"]))
        await stored.store.at_commit.wait()
        assert await stored.ask("PING") == b"PONG"
        stored.store.committing.set()
        await running

    async def test_lookups_inside_finish_first(self, stored):
        stored.store.reading = asyncio.Event()
        reading = asyncio.create_task(stored.ask("MC.GET", "m", "similar"))
        await stored.store.has_read.wait()
        resume, stored.store.reading = stored.store.reading, None
        running = asyncio.create_task(stored.execute(["MC.DROP", "m"]))
        await until(lambda: stored.cache.gate.closed)
        await stored.store.models()
        assert [state.name for state in stored.cache.models] == ["m"]
        resume.set()
        assert await reading == b"1"
        assert await running == [b"OK"]


def test_a_command_that_may_give_a_job_is_deferred(tmp_path):
    """EXEC calls deferred commands ahead of their turn, and all others when it comes."""
    for command in Parts(tmp_path).context.commands:
        for one in command.subcommands.values() or [command]:
            gives_job = inspect.signature(one.run).return_annotation == Result
            assert not gives_job or one.deferred or one.name == "exec", one.name
