"""MC.LOG and MC.TOP as clients see them; what gets into the log is tested with the cache."""

import pytest

from mcserver.cache.upkeep import Upkeep
from tests.mcserver.parts import Parts, error_text

KEYS = ["cursor", "time", "count", "outcome", "reason", "score", "query", "hit-query", "id", "microseconds"]


@pytest.fixture
async def asked(parts: Parts) -> Parts:
    """A model that was asked for b, a, a, c, a, and whose log is stored."""
    await parts.ask("MC.SET", "m", "a", "1", "META", '{"tokens": 10}')
    await parts.ask("MC.SET", "m", "b", "2", "META", '{"tokens": 500, "cost": 0.25}')
    for query in "baaca":
        await parts.ask("MC.GET", "m", query)
    await flush(parts)
    return parts


async def flush(parts: Parts) -> None:
    await Upkeep(parts.cache, parts.settings, parts.context.statistics).flush()


async def queries(parts: Parts, *options: object) -> list[str]:
    return [row["query"].decode() for row in await parts.ask("MC.LOG", "m", *options)]


class TestLog:
    async def test_newest_first(self, asked):
        assert await queries(asked) == ["a", "c", "a", "a", "b"]
        assert await queries(asked, "COUNT", 2) == ["a", "c"]
        assert list((await asked.ask("MC.LOG", "m"))[0]) == KEYS

    async def test_ten_unless_told(self, asked):
        for number in range(12):
            await asked.ask("MC.GET", "m", f"q{number}")
        await flush(asked)
        assert len(await asked.ask("MC.LOG", "m")) == 10
        assert len(await asked.ask("MC.LOG", "m", "COUNT", 10_000)) == 17

    async def test_flat_in_resp2(self, asked):
        asked.client.protocol = 2
        [row] = await asked.ask("MC.LOG", "m", "COUNT", 1)
        assert [key.decode() for key in row[::2]] == KEYS

    @pytest.mark.parametrize(("outcome", "found"), [("hit", ["a", "a", "a", "b"]), ("MISS", ["c"]), ("Unsure", [])])
    async def test_by_outcome(self, asked, outcome, found):
        assert await queries(asked, "OUTCOME", outcome) == found

    async def test_going_on_after_a_cursor(self, asked):
        cursor, seen = 0, []
        while page := await asked.ask("MC.LOG", "m", "AFTER", cursor, "COUNT", 2):
            seen += [row["query"].decode() for row in page]
            cursor = page[-1]["cursor"]
        assert seen == ["b", "a", "a", "c", "a"]
        await asked.ask("MC.GET", "m", "new")
        await flush(asked)
        assert await queries(asked, "AFTER", cursor) == ["new"]
        assert await queries(asked, "AFTER", cursor, "OUTCOME", "HIT") == []

    async def test_stays_when_the_model_is_truncated(self, asked):
        await asked.ask("MC.TRUNCATE", "m")
        assert len(await asked.ask("MC.LOG", "m")) == 5
        await asked.ask("FLUSHALL")
        assert len(await asked.ask("MC.LOG", "m")) == 5

    @pytest.mark.parametrize("words", [["MC.DROP", "m"], ["DEL", "m"]])
    async def test_goes_with_the_model(self, asked, words):
        await asked.ask(*words)
        assert await asked.ask("MC.LOG", "m") == []
        await asked.ask("MC.CREATE", "m")
        assert await asked.ask("MC.LOG", "m") == []

    async def test_is_the_models_own(self, asked):
        await asked.ask("MC.SET", "other", "q", "1")
        await asked.ask("MC.GET", "other", "secret")
        await flush(asked)
        assert len(await asked.ask("MC.LOG", "m")) == 5
        assert await asked.ask("MC.LOG", "none") == []

    async def test_inside_a_transaction(self, asked):
        [log, top] = await asked.execute(["MC.LOG", "m", "COUNT", 1], ["MC.TOP", "m", "COUNT", 1])
        assert (log[0]["query"], top[0]["query"]) == (b"a", b"a")


class TestTop:
    async def test_by_hits(self, asked):
        first, second = await asked.ask("MC.TOP", "m")
        assert first == {
            "id": 1, "query": b"a", "hits": 3, "last-hit": asked.clock.milliseconds, "tokens-saved": 30, "cost-saved": 0.0,
        }  # fmt: skip
        assert second["query"] == b"b"
        assert await asked.ask("MC.TOP", "m", "BY", "hits", "COUNT", 1) == [first]

    async def test_by_what_was_saved(self, asked):
        first, second = await asked.ask("MC.TOP", "m", "BY", "SAVED")
        assert (first["query"], first["tokens-saved"], first["cost-saved"]) == (b"b", 500, 0.25)
        assert second["query"] == b"a"

    async def test_only_what_lives(self, asked):
        await asked.ask("MC.EXPIRE", "m", 1, 5)
        asked.clock.seconds += 5
        assert [row["query"] for row in await asked.ask("MC.TOP", "m")] == [b"b"]
        await asked.ask("MC.TRUNCATE", "m")
        assert await asked.ask("MC.TOP", "m") == []
        assert await asked.ask("MC.TOP", "none") == []

    async def test_sees_what_its_transaction_did(self, asked):
        assert (await asked.execute(["MC.DEL", "m", 1, 2], ["MC.TOP", "m"]))[1] == []


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["MC.LOG"], "ERR wrong number of arguments for 'mc.log' command"),
        (["MC.LOG", ""], "ERR empty model name"),
        (["MC.LOG", "m", "COUNT"], "ERR syntax error"),
        (["MC.LOG", "m", "COUNT", "x"], "ERR value is not an integer or out of range"),
        (["MC.LOG", "m", "COUNT", 0], "ERR COUNT is out of range, must be between 1 and 10000"),
        (["MC.LOG", "m", "COUNT", 10_001], "ERR COUNT is out of range, must be between 1 and 10000"),
        (["MC.LOG", "m", "OUTCOME", "maybe"], "ERR syntax error"),
        (["MC.LOG", "m", "AFTER", "x"], "ERR invalid cursor"),
        (["MC.LOG", "m", "AFTER", -1], "ERR invalid cursor"),
        (["MC.LOG", "m", "AFTER", 1, "AFTER", 2], "ERR syntax error"),
        (["MC.TOP"], "ERR wrong number of arguments for 'mc.top' command"),
        (["MC.TOP", "m", "COUNT", 10_001], "ERR COUNT is out of range, must be between 1 and 10000"),
        (["MC.TOP", "m", "BY", "luck"], "ERR syntax error"),
        (["MC.TOP", "m", "nonsense"], "ERR syntax error"),
    ],
)
async def test_refused(asked, words, error):
    assert error_text(await asked.ask(*words)).startswith(error)


@pytest.mark.parametrize("name", ["MC.LOG", "MC.TOP"])
async def test_only_for_who_may_read_the_model(asked, name):
    await asked.ask("ACL", "SETUSER", "tenant", "on", "nopass", "~mine", "+@all")
    assert await asked.ask("AUTH", "tenant", "x") == b"OK"
    assert error_text(await asked.ask(name, "m")).startswith("NOPERM")
    assert await asked.ask(name, "mine") == []
    assert await asked.ask("COMMAND", "GETKEYS", name, "m") == [b"m"]
