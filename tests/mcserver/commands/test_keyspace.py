"""The key space: models as keys, walked, listed and counted."""

import pytest

from mcserver.cache import models
from tests.mcserver.parts import Parts, error_text


async def create(parts: Parts, *names: str) -> set[str]:
    for name in names:
        assert await parts.ask("MC.CREATE", name) == b"OK"
    return set(names)


async def walk(parts: Parts, *options: object, between=None) -> list[str]:
    """Every name that SCAN gives from cursor 0 to cursor 0."""
    names: list[str] = []
    cursor = b"0"
    while True:
        cursor, page = await parts.ask("SCAN", cursor, *options)
        names += [name.decode() for name in page]
        if cursor == b"0":
            return names
        if between is not None:
            await between()


def hide(parts: Parts, *names: str) -> None:
    """Let the client's user know of no other models but these."""
    parts.client.user = parts.context.access.draft("confined", ["on", "+@all", *(f"~{name}" for name in names)])


class TestScan:
    @pytest.mark.parametrize("count", [1, 3, 10, 1000])
    async def test_every_model_once(self, parts, count):
        names = await create(parts, *(f"model-{number}" for number in range(25)))
        found = await walk(parts, "COUNT", count)
        assert (len(found), set(found)) == (25, names)

    async def test_ten_at_a_time_unless_told_otherwise(self, parts):
        await create(parts, *(f"model-{number}" for number in range(12)))
        cursor, page = await parts.ask("SCAN", 0)
        assert (len(page), len((await parts.ask("SCAN", cursor))[1])) == (10, 2)

    async def test_nothing_there(self, parts):
        assert await parts.ask("SCAN", 0) == [b"0", []]

    async def test_what_stays_is_found_whatever_comes_and_goes(self, parts):
        staying = await create(parts, *(f"stays-{number}" for number in range(20)))
        leaving = [f"leaves-{number}" for number in range(20)]
        await create(parts, *leaving)
        made = 0

        async def change() -> None:
            nonlocal made
            await create(parts, f"comes-{made}")
            made += 1
            if leaving:
                assert await parts.ask("DEL", leaving.pop()) == 1

        found = await walk(parts, "COUNT", 2, between=change)
        assert staying <= set(found)
        assert len(found) == len(set(found))

    async def test_a_walk_goes_on_behind_a_model_that_was_dropped(self, parts):
        names = await create(parts, *(f"model-{number}" for number in range(5)))
        cursor, [first] = await parts.ask("SCAN", 0, "COUNT", 1)
        await parts.ask("MC.DROP", first)
        rest = (await parts.ask("SCAN", cursor, "COUNT", 10))[1]
        assert {name.decode() for name in rest} == names - {first.decode()}

    async def test_names_that_share_a_place_come_together(self, parts, monkeypatch):
        monkeypatch.setattr(models, "_place", len)
        names = await create(parts, "a", "b", "c", "dd", "ee")
        assert [len(page) for page in await pages(parts, 1)] == [3, 2]
        assert set(await walk(parts, "COUNT", 1)) == names

    async def test_match_and_type_filter_what_was_looked_at(self, parts):
        await create(parts, *(f"gpt-{number}" for number in range(20)), "claude", "模型")
        assert set(await walk(parts, "MATCH", "gpt-1?")) == {f"gpt-{number}" for number in range(10, 20)}
        assert await walk(parts, "match", "[^g]*", "count", 3) == [name for name in await walk(parts) if not name.startswith("gpt")]
        assert await walk(parts, "MATCH", b"\xff*") == []
        assert len(await walk(parts, "TYPE", "ModelCache", "COUNT", 4)) == 22
        assert await walk(parts, "TYPE", "string", "COUNT", 4) == []
        assert len(await pages(parts, 4, "TYPE", "string")) == 6

    async def test_of_an_option_given_again_the_last_counts(self, parts):
        await create(parts, "a", "b")
        assert len((await parts.ask("SCAN", 0, "COUNT", 1, "COUNT", 2))[1]) == 2

    @pytest.mark.parametrize("cursor", ["18446744073709551615", "+281474976710656", "-1"])
    async def test_any_cursor_that_fits_is_taken(self, parts, cursor):
        await create(parts, "m")
        assert await parts.ask("SCAN", cursor) == [b"0", []]

    @pytest.mark.parametrize(
        ("words", "refusal"),
        [
            (["x"], "ERR invalid cursor"),
            (["1x"], "ERR invalid cursor"),
            ([" 1"], "ERR invalid cursor"),
            (["+"], "ERR invalid cursor"),
            (["18446744073709551616"], "ERR invalid cursor"),
            ([0, "COUNT"], "ERR syntax error"),
            ([0, "COUNT", 0], "ERR syntax error"),
            ([0, "COUNT", "x"], "ERR value is not an integer or out of range"),
            ([0, "COUNT", "x", "FOO"], "ERR value is not an integer or out of range"),
            ([0, "FOO", 1], "ERR syntax error"),
        ],
    )
    async def test_refused(self, parts, words, refusal):
        assert error_text(await parts.ask("SCAN", *words)) == refusal


async def pages(parts: Parts, count: int, *options: object) -> list[list[bytes]]:
    cursor, page = await parts.ask("SCAN", 0, "COUNT", count, *options)
    found = [page]
    while cursor != b"0":
        cursor, page = await parts.ask("SCAN", cursor, "COUNT", count, *options)
        found.append(page)
    return found


async def test_keys(parts):
    names = await create(parts, "gpt-4", "gpt-4o", "a[b]", "模型")
    assert {name.decode() for name in await parts.ask("KEYS", "*")} == names
    assert await parts.ask("KEYS", "gpt-?") == [b"gpt-4"]
    assert await parts.ask("KEYS", r"a\[b\]") == [b"a[b]"]
    assert await parts.ask("KEYS", "x") == []


async def test_random_key(parts):
    assert await parts.ask("RANDOMKEY") is None
    names = await create(parts, "a", "b")
    found = set()
    while found != names:
        found.add((await parts.ask("RANDOMKEY")).decode())


async def test_a_user_is_shown_what_it_may_reach_as_if_there_were_nothing_else(parts):
    everything = [f"other-{number}" for number in range(30)] + ["mine-1", "mine-2", "mine-3"]
    await create(parts, *everything)
    hide(parts, "mine-1", "mine-2", "mine-3")
    assert sorted(await walk(parts)) == ["mine-1", "mine-2", "mine-3"]
    assert [len(page) for page in await pages(parts, 1)] == [1, 1, 1]
    assert sorted(await parts.ask("KEYS", "*")) == await parts.ask("MC.MODELS") == [b"mine-1", b"mine-2", b"mine-3"]
    assert await parts.ask("DBSIZE") == 3
    assert {await parts.ask("RANDOMKEY") for _ in range(20)} <= {b"mine-1", b"mine-2", b"mine-3"}
    assert b"db0:keys=3," in await parts.ask("INFO", "keyspace")
    assert b"mc_models_count:3\r\n" in await parts.ask("INFO", "mc")
    assert b"other" not in await parts.ask("INFO", "everything")
    hide(parts)
    assert await parts.ask("SCAN", 0) == [b"0", []]
    assert (await parts.ask("RANDOMKEY"), await parts.ask("DBSIZE")) == (None, 0)


class TestFlush:
    @pytest.mark.parametrize("words", [["FLUSHALL"], ["FLUSHDB"], ["FLUSHALL", "SYNC"], ["flushdb", "async"]])
    async def test_all_entries_of_all_models(self, parts, words):
        for name in "mn":
            await parts.ask("MC.SET", name, "a", "1")
        assert await parts.ask(*words) == b"OK"
        assert [await parts.ask("MC.GET", name, "a") for name in "mn"] == [None, None]
        assert (await parts.ask("MC.MODELS"), parts.index.vectors) == ([b"m", b"n"], 0)

    async def test_nothing_there(self, parts):
        assert await parts.ask("FLUSHALL") == b"OK"

    async def test_refused(self, parts):
        await parts.ask("MC.SET", "m", "a", "1")
        assert error_text(await parts.ask("FLUSHALL", "NOW")) == "ERR syntax error"
        assert error_text(await parts.ask("FLUSHALL", "SYNC", "ASYNC")) == "ERR syntax error"
        assert await parts.ask("MC.GET", "m", "a") == b"1"
