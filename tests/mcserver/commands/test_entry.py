"""Commands on stored entries."""

import json

import pytest

from tests.mcserver.parts import Parts, error_text


@pytest.fixture
async def stored(parts: Parts) -> Parts:
    """Entries 1 to 3 of model m: a (tag x), b (tags x y), c (another system prompt)."""
    await parts.ask("MC.SET", "m", "a", "1", "TAGS", 1, "x")
    await parts.ask("MC.SET", "m", "b", "2", "TAGS", 2, "x", "y", "EX", 100)
    await parts.ask("MC.SET", "m", "c", "3", "SYSTEM", "s")
    for words in (["a"], ["b"], ["c", "SYSTEM", "s"]):
        await parts.ask("MC.GET", "m", *words)
    return parts


async def left(parts: Parts) -> list[int]:
    _, ids = await parts.ask("MC.SCAN", "m", 0)
    return ids


async def served(parts: Parts) -> list[object]:
    """From memory, store and index together."""
    return [await parts.ask("MC.GET", "m", *words) for words in (["a"], ["b"], ["c", "SYSTEM", "s"])]


class TestDelete:
    async def test_by_id(self, stored):
        assert await stored.ask("MC.DEL", "m", 1, 3, 1, 99) == 2
        assert await served(stored) == [None, b"2", None]
        assert (await left(stored), stored.index.vectors) == ([2], 1)

    async def test_by_question(self, stored):
        assert await stored.ask("MC.DEL", "m", "QUERY", "c") == 0
        assert await stored.ask("MC.DEL", "m", "query", "c", "SYSTEM", "s") == 1
        assert await stored.ask("MC.DEL", "m", "QUERY", "c", "SYSTEM", "s") == 0
        assert await served(stored) == [b"1", b"2", None]

    async def test_a_conversation(self, stored):
        chat = json.dumps([{"role": "user", "content": "a"}])
        assert await stored.ask("MC.DEL", "m", "QUERY", chat) == 1

    async def test_no_such_model(self, stored):
        assert await stored.ask("MC.DEL", "other", 1) == 0
        assert await stored.ask("MC.DEL", "other", "QUERY", "a") == 0
        assert await stored.ask("MC.MODELS") == [b"m"]

    @pytest.mark.parametrize(
        ("words", "refusal"),
        [
            (["x"], "value is not an integer or out of range"),
            ([1, "x"], "value is not an integer or out of range"),
            (["QUERY"], "syntax error"),
            (["QUERY", "a", "NONSENSE"], "syntax error"),
            (["QUERY", " "], "empty query"),
            (["QUERY", "a", "PARAMS", "{"], "invalid JSON in PARAMS"),
            (["QUERY", "a", "PARAMS", '{"a":"\\ud800"}'], "lone surrogate"),
        ],
    )
    async def test_refused(self, stored, words, refusal):
        assert refusal in error_text(await stored.ask("MC.DEL", "m", *words))
        assert await left(stored) == [1, 2, 3]


class TestTruncate:
    @pytest.mark.parametrize(
        ("options", "removed", "expected"),
        [
            ([], 3, [None, None, None]),
            (["ASYNC"], 3, [None, None, None]),
            (["SYSTEM", "s"], 1, [b"1", b"2", None]),
            (["SYSTEM", ""], 2, [None, None, b"3"]),
            (["PARAMS", "{}"], 2, [None, None, b"3"]),
            (["TAGS", 1, "x"], 2, [None, None, b"3"]),
            (["TAGS", 2, "x", "y"], 1, [b"1", None, b"3"]),
            (["TAGS", 1, "x", "SYSTEM", "s"], 0, [b"1", b"2", b"3"]),
            (["TAGS", 1, "z"], 0, [b"1", b"2", b"3"]),
        ],
    )
    async def test_what_goes(self, stored, options, removed, expected):
        assert await stored.ask("MC.TRUNCATE", "m", *options) == removed
        assert await served(stored) == expected
        assert stored.index.vectors == 3 - removed

    async def test_the_model_stays(self, stored):
        await stored.ask("MC.CONFIG", "SET", "m", "threshold", "0.5")
        await stored.ask("MC.TRUNCATE", "m")
        assert await stored.ask("MC.CONFIG", "GET", "m", "threshold") == {"threshold": b"0.5"}
        assert (await stored.ask("MC.INFO", "m"))["epoch"] == 2
        await stored.ask("MC.SET", "m", "a", "4")
        assert await served(stored) == [b"4", None, None]

    async def test_no_such_model(self, stored):
        assert await stored.ask("MC.TRUNCATE", "other") == 0

    @pytest.mark.parametrize("options", [["SYNC"], ["PARAMS", "["], ["TAGS", 0]])
    async def test_refused(self, stored, options):
        error_text(await stored.ask("MC.TRUNCATE", "m", *options))
        assert await left(stored) == [1, 2, 3]


class TestEntry:
    async def test_not_there(self, stored):
        assert await stored.ask("MC.ENTRY", "m", 99) is None
        assert await stored.ask("MC.ENTRY", "other", 1) is None

    async def test_expired(self, stored):
        assert (await stored.ask("MC.ENTRY", "m", 2))["ttl"] == 100
        stored.clock.seconds += 100
        assert await stored.ask("MC.ENTRY", "m", 2) is None

    async def test_refused(self, stored):
        assert "not an integer" in error_text(await stored.ask("MC.ENTRY", "m", "x"))
        assert "wrong number of arguments" in error_text(await stored.ask("MC.ENTRY", "m"))


class TestScan:
    async def test_in_steps(self, stored):
        assert await stored.ask("MC.SCAN", "m", 0, "COUNT", 2) == [b"2", [1, 2]]
        assert await stored.ask("MC.SCAN", "m", 2, "COUNT", 2) == [b"0", [3]]

    async def test_filters(self, stored):
        assert await stored.ask("MC.SCAN", "m", 0, "MATCH", "[ab]", "TAGS", 1, "y") == [b"0", [2]]
        stored.clock.seconds += 100
        assert await stored.ask("MC.SCAN", "m", 0) == [b"0", [1, 3]]

    async def test_no_such_model(self, stored):
        assert await stored.ask("MC.SCAN", "other", 0) == [b"0", []]

    @pytest.mark.parametrize(
        ("words", "refusal"),
        [
            (["x"], "ERR invalid cursor"),
            (["-1"], "ERR invalid cursor"),
            (["0", "COUNT", 0], "ERR COUNT is out of range, must be between 1 and 10000"),
            (["0", "COUNT", 10_001], "ERR COUNT is out of range, must be between 1 and 10000"),
            (["0", "x"], "ERR syntax error"),
        ],
    )
    async def test_refused(self, stored, words, refusal):
        assert error_text(await stored.ask("MC.SCAN", "m", *words)) == refusal


class TestTime:
    async def test_left(self, stored):
        assert [await stored.ask("MC.TTL", "m", entry_id) for entry_id in (1, 2, 99)] == [-1, 100, -2]
        stored.clock.seconds += 99.5
        assert await stored.ask("MC.TTL", "m", 2) == 1
        stored.clock.seconds += 0.5
        assert await stored.ask("MC.TTL", "m", 2) == -2

    async def test_set(self, stored):
        assert await stored.ask("MC.EXPIRE", "m", 1, 10) == 1
        assert await stored.ask("MC.TTL", "m", 1) == 10
        stored.clock.seconds += 10
        assert await stored.ask("MC.GET", "m", "a") is None
        assert await stored.ask("MC.EXPIRE", "m", 1, 10) == 0

    async def test_taken_away(self, stored):
        assert await stored.ask("MC.PERSIST", "m", 2) == 1
        stored.clock.seconds += 100
        assert await stored.ask("MC.GET", "m", "b") == b"2"

    async def test_nothing_to_take_away(self, stored):
        assert await stored.ask("MC.PERSIST", "m", 1) == 0
        assert await stored.ask("MC.PERSIST", "m", 99) == 0
        assert await stored.ask("MC.PERSIST", "other", 1) == 0
        assert await stored.ask("MC.EXPIRE", "other", 1, 5) == 0

    @pytest.mark.parametrize("seconds", [0, -1, -(2**33)])
    async def test_none_left(self, stored, seconds):
        assert await stored.ask("MC.EXPIRE", "m", 2, seconds) == 1
        assert (await left(stored), stored.index.vectors) == ([1, 3], 2)
        assert await served(stored) == [b"1", None, b"3"]
        assert await stored.ask("MC.EXPIRE", "m", 2, seconds) == 0
        assert await stored.ask("MC.EXPIRE", "other", 2, seconds) == 0

    async def test_what_has_expired_already_is_not_found_again(self, stored):
        stored.clock.seconds += 100
        assert await stored.ask("MC.EXPIRE", "m", 2, 0) == 0

    @pytest.mark.parametrize("seconds", [2**63 - 1, -(2**63)])
    async def test_refused(self, stored, seconds):
        assert error_text(await stored.ask("MC.EXPIRE", "m", 1, seconds)) == "ERR invalid expire time in 'mc.expire' command"
        assert await stored.ask("MC.TTL", "m", 1) == -1
