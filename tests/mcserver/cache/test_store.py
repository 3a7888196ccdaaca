"""Storing answers: all of it or nothing, and for as long as said."""

import asyncio
import json

import pytest

from embedding.errors import EmbedderUnavailable
from storage.errors import StoreOverloaded
from tests.mcserver.parts import Parts, error_text


async def entry(parts: Parts, entry_id: int = 1) -> dict[str, object]:
    return await parts.ask("MC.ENTRY", "m", entry_id)


class TestReplies:
    async def test_ok_or_id(self, parts):
        assert await parts.ask("MC.SET", "m", "a", "1") == b"OK"
        assert await parts.ask("MC.SET", "m", "b", "2", "WITHID") == 2
        assert await parts.ask("MC.MSET", "m", 2, "c", "3", "d", "4") == b"OK"
        assert await parts.ask("MC.MSET", "m", 2, "d", "5", "e", "6", "WITHID") == [4, 5]
        assert await parts.ask("MC.MGET", "m", 5, *"abcde") == [b"1", b"2", b"3", b"5", b"6"]
        assert parts.statistics("m").sets == 6

    async def test_the_same_question_keeps_its_id(self, parts):
        assert await parts.ask("MC.SET", "m", "a", "1", "WITHID") == 1
        await parts.ask("MC.GET", "m", "a")
        assert await parts.ask("MC.SET", "m", "a", "2", "WITHID") == 1
        assert await parts.ask("MC.GET", "m", "a") == b"2"

    async def test_any_bytes(self, parts):
        answer = bytes(range(256))
        await parts.ask("MC.SET", "m", "a", answer)
        await parts.ask("MC.SET", "m", "b", "")
        assert await parts.ask("MC.MGET", "m", 2, "a", "b") == [answer, b""]

    async def test_model_names_are_taken_as_they_are(self, parts):
        names = ["gpt-4", "gpt_4", "gpt.4", "GPT-4", "gpt-4o", "模型", "a\nb\0", "x" * 255]
        for name in names:
            await parts.ask("MC.SET", name, "q", name)
        for name in names:
            assert await parts.ask("MC.GET", name, "q") == name.encode()


class TestConditions:
    async def test_absent(self, parts):
        assert await parts.ask("MC.SET", "m", "a", "1", "NX") == b"OK"
        assert await parts.ask("MC.SET", "m", "a", "2", "NX") is None
        assert await parts.ask("MC.SET", "m", "a", "2", "NX", "WITHID") is None
        assert await parts.ask("MC.GET", "m", "a") == b"1"

    async def test_present(self, parts):
        assert await parts.ask("MC.SET", "m", "a", "1", "XX") is None
        assert await parts.ask("MC.MODELS") == []
        await parts.ask("MC.SET", "m", "a", "1")
        assert await parts.ask("MC.SET", "m", "b", "1", "XX") is None
        assert await parts.ask("MC.SET", "m", "a", "2", "XX") == b"OK"
        assert await parts.ask("MC.GET", "m", "a") == b"2"

    async def test_an_expired_one_is_absent(self, parts):
        await parts.ask("MC.SET", "m", "a", "1", "PX", 1)
        parts.clock.seconds += 1
        assert await parts.ask("MC.SET", "m", "a", "2", "XX") is None
        assert await parts.ask("MC.SET", "m", "a", "2", "NX", "WITHID") == 2
        assert await parts.ask("MC.GET", "m", "a") == b"2"

    @pytest.mark.parametrize("options", [[], ["WITHID"]])
    async def test_of_several_all_or_none(self, parts, options):
        await parts.ask("MC.SET", "m", "b", "1")
        assert await parts.ask("MC.MSET", "m", 3, "a", "2", "b", "2", "c", "2", "NX", *options) is None
        assert await parts.ask("MC.MGET", "m", 3, *"abc") == [None, b"1", None]
        assert await parts.ask("MC.MSET", "m", 2, "b", "3", "c", "3", "XX", *options) is None
        assert await parts.ask("MC.MGET", "m", 3, *"abc") == [None, b"1", None]
        assert parts.index.vectors == 1
        assert parts.statistics("m").sets == 1

    async def test_both(self, parts):
        assert error_text(await parts.ask("MC.SET", "m", "a", "1", "NX", "XX")) == "ERR syntax error"


class TestTime:
    @pytest.mark.parametrize(
        ("options", "left"),
        [
            (["EX", 10], 10),
            (["PX", 10_000], 10),
            (["EXAT", 1_700_000_010], 10),
            (["PXAT", 1_700_000_010_000], 10),
            (["PERSIST"], -1),
            ([], -1),
        ],
    )
    async def test_options(self, parts, options, left):
        await parts.ask("MC.SET", "m", "a", "1", *options)
        assert await parts.ask("MC.TTL", "m", 1) == left

    async def test_the_models_default(self, parts):
        await parts.ask("MC.CREATE", "m", "default-ttl", 60)
        for query, options in {"a": [], "b": ["EX", 10], "c": ["PERSIST"]}.items():
            await parts.ask("MC.SET", "m", query, "1", *options)
        assert [await parts.ask("MC.TTL", "m", number) for number in (1, 2, 3)] == [60, 10, -1]

    async def test_a_time_in_the_past(self, parts):
        assert await parts.ask("MC.SET", "m", "a", "1", "EXAT", 1_600_000_000) == b"OK"
        assert await parts.ask("MC.GET", "m", "a") is None

    @pytest.mark.parametrize("given", [0, -1, -(2**63), 2**63 - 1])
    @pytest.mark.parametrize("option", ["EX", "PX", "EXAT", "PXAT"])
    async def test_invalid(self, parts, option, given):
        assert error_text(await parts.ask("MC.SET", "m", "a", "1", option, given)) == "ERR invalid expire time in 'mc.set' command"
        assert error_text(await parts.ask("MC.MSET", "m", 1, "a", "1", option, given)) == "ERR invalid expire time in 'mc.mset' command"
        assert await parts.ask("MC.MODELS") == []

    async def test_only_one(self, parts):
        assert error_text(await parts.ask("MC.SET", "m", "a", "1", "EX", 1, "PERSIST")) == "ERR syntax error"
        assert "not an integer" in error_text(await parts.ask("MC.SET", "m", "a", "1", "EX", "1.5"))


class TestWhatGoesWithIt:
    async def test_everything(self, parts):
        await parts.ask(
            "MC.SET", "m", "a", "1", "META", '{ "b": 1.0, "a": "\\u00e9" }', "TAGS", 3, "y", "x", "y", "SYSTEM", "s", "PARAMS", '{"t":1}'
        )
        found = await entry(parts)
        assert json.loads(found.pop("meta")) == {"b": 1, "a": "é"}
        assert len(found.pop("partition")) == 32
        assert sorted(found.pop("tags")) == [b"x", b"y"]
        assert found == {
            "id": 1, "model": b"m", "query": b"a", "answer": b"1", "created": parts.clock.milliseconds, "expires": None, "ttl": -1,
            "hits": 0, "last-hit": None, "good": 0, "bad": 0,
        }  # fmt: skip

    async def test_all_of_it_is_replaced(self, parts):
        await parts.ask("MC.SET", "m", "a", "1", "META", "{}", "TAGS", 1, "x", "EX", 10)
        assert (await entry(parts))["meta"] == b"{}"
        await parts.ask("MC.SET", "m", "a", "2")
        found = await entry(parts)
        assert (found["meta"], found["tags"], found["ttl"], found["answer"]) == (None, [], -1, b"2")


class TestRefused:
    @pytest.mark.parametrize(
        ("words", "refusal"),
        [
            (["", "q", "a"], "ERR empty model name: expected 1 to 255 bytes"),
            (["x" * 256, "q", "a"], "ERR model is too long: 256 bytes, at most 255"),
            ([b"\xff", "q", "a"], "ERR invalid UTF-8 in model"),
            (["m", b"\xff", "a"], "ERR invalid UTF-8 in query"),
            (["m", " ", "a"], "ERR empty query"),
            (["m", "q" * 1025, "a"], "ERR query is too long: 1025 bytes, at most 1024"),
            (
                ["m", "q" * 1000, "a", "SYSTEM", "s" * 20, "PARAMS", '{"a": 1}'],
                "ERR query, SYSTEM and PARAMS are too long: 1028 bytes together",
            ),
            (["m", "q", "a" * 2049], "ERR answer is too long: 2049 bytes, at most 2048"),
            (["m", "q", "a", "META", "{"], "ERR invalid JSON in META"),
            (["m", "q", "a", "META", "[]"], "ERR invalid META: expected a JSON object"),
            (["m", "q", "a", "META", '{"a":"\\ud800"}'], "ERR invalid JSON in META: a lone surrogate is not a character"),
            (["m", "q", "a", "META", f'{{"a":"{"x" * 2048}"}}'], "ERR META is too long: at most 2048 bytes"),
            (["m", "q", "a", "PARAMS", '{"a":"\\ud800"}'], "ERR invalid JSON in PARAMS: a lone surrogate is not a character"),
            (["m", '[{"role":"user","content":"\\ud800"}]', "a"], "ERR invalid message 0: a lone surrogate is not a character"),
            (["m", '[{"role":"system","content":"x"}]', "a"], "ERR no user turn"),
            (["m", "q", "a", "TAGS", 1, ""], "ERR invalid tag: expected 1 to 128 bytes, got 0"),
            (["m", "q", "a", "TAGS", 1, "é" * 65], "ERR invalid tag: expected 1 to 128 bytes, got 130"),
            (["m", "q", "a", "TAGS", 1, b"\xff"], "ERR invalid UTF-8 in TAGS"),
            (["m", "q", "a", "TAGS", 65, *["t"] * 65], "ERR too many TAGS: 65, at most 64"),
            (["m", "q", "a", "TAGS", 2, "t"], "ERR syntax error"),
            (["m", "q", "a", "NONSENSE"], "ERR syntax error"),
            (["m", "q"], "ERR wrong number of arguments for 'mc.set' command"),
        ],
    )
    async def test_nothing_is_left_behind(self, parts, words, refusal):
        parts.settings.assign([("max-query-bytes", "1024"), ("max-answer-bytes", "2048")])
        assert error_text(await parts.ask("MC.SET", *words)).startswith(refusal)
        assert await parts.ask("MC.MODELS") == []

    async def test_one_bad_question_of_several(self, parts):
        assert "empty query" in error_text(await parts.ask("MC.MSET", "m", 2, "a", "1", " ", "2"))
        assert "VECTOR goes with one query" in error_text(await parts.ask("MC.MSET", "m", 2, "a", "1", "b", "2", "VECTOR", "x"))
        assert await parts.ask("MC.MODELS") == []


class TestFailures:
    async def test_no_embedder(self, parts):
        parts.embedder.failure = EmbedderUnavailable("no model")
        assert error_text(await parts.ask("MC.SET", "m", "a", "1")) == "UNAVAILABLE no model"
        assert await parts.ask("MC.MODELS") == []

    @pytest.mark.parametrize("known", [True, False])
    async def test_no_store(self, parts, known):
        if known:
            await parts.ask("MC.CREATE", "m")
        parts.store.down = True
        assert error_text(await parts.ask("MC.SET", "m", "a", "1")) == "UNAVAILABLE the store is down"
        parts.store.down = False
        assert await parts.ask("MC.MODELS") == [b"m"] * known
        assert await parts.ask("MC.GET", "m", "a") is None
        assert await parts.ask("MC.SET", "m", "a", "1") == b"OK"

    async def test_a_model_whose_first_answer_cannot_be_committed(self, parts):
        parts.store.commit_fails = True
        assert error_text(await parts.ask("MC.SET", "m", "a", "1")) == "UNAVAILABLE the disk is full"
        assert (await parts.ask("MC.MODELS"), parts.index.vectors) == ([], 0)
        parts.store.commit_fails = False
        assert await parts.ask("MC.SET", "m", "a", "1", "WITHID") == 1

    async def test_too_much_to_write(self, parts, monkeypatch):
        await parts.ask("MC.CREATE", "m")

        def refuse(writes, now):
            raise StoreOverloaded("too much waits")

        monkeypatch.setattr(parts.store, "apply", refuse)
        assert error_text(await parts.ask("MC.SET", "m", "a", "1")) == "BUSY too much waits"


class TestWhileEmbedding:
    async def job(self, parts, *words):
        parts.embedder.holding = True
        setting = asyncio.create_task(parts.ask(*words))
        held = await parts.embedder.held()
        parts.embedder.holding = False
        return setting, held

    async def test_the_model_is_dropped(self, parts):
        await parts.ask("MC.CREATE", "m")
        setting, held = await self.job(parts, "MC.SET", "m", "a", "1")
        await parts.ask("MC.DROP", "m")
        held.release()
        assert await setting == b"OK"
        assert await parts.ask("MC.GET", "m", "a") == b"1"

    async def test_the_model_comes_into_being(self, parts):
        setting, held = await self.job(parts, "MC.SET", "m", "a", "1")
        await parts.ask("MC.CREATE", "m", "threshold", "0.5")
        held.release()
        assert await setting == b"OK"
        assert await parts.ask("MC.CONFIG", "GET", "m", "threshold") == {"threshold": b"0.5"}

    async def test_what_is_compared_changes(self, parts):
        await parts.ask("MC.CREATE", "m")
        setting, held = await self.job(parts, "MC.SET", "m", "a", "1", "SYSTEM", "s")
        await parts.ask("MC.CONFIG", "SET", "m", "system-prompt", "splice")
        held.release()
        assert await setting == b"OK"
        assert parts.embedder.batches == [["a"], ["s\na"]]
        assert await parts.ask("MC.GET", "m", "a", "SYSTEM", "s", "EXACT") == b"1"

    async def test_others_make_the_same_model(self, parts):
        parts.embedder.holding = True
        setting = [asyncio.create_task(parts.ask("MC.SET", "m", query, "1")) for query in "abc"]
        held = [await parts.embedder.held() for _ in setting]
        for one in held:
            one.release()
        assert await asyncio.gather(*setting) == [b"OK"] * 3
        assert (await parts.ask("MC.INFO", "m"))["entries"] == 3


async def test_a_put_that_overtakes_the_drop_of_its_model(parts):
    """The drop is queued and not yet in effect when the answer is."""
    await parts.ask("MC.SET", "m", "a", "1")
    state = parts.cache.models.find("m")
    dropping = asyncio.create_task(parts.ask("MC.DROP", "m"))
    setting = asyncio.create_task(parts.ask("MC.SET", "m", "b", "2"))
    assert await asyncio.gather(dropping, setting) == [b"OK", b"OK"]
    assert parts.cache.models.find("m") is not state
    assert await parts.ask("MC.MGET", "m", 2, "a", "b") == [None, b"2"]
