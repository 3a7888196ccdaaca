"""Every way a lookup can end, and its reason."""

import asyncio
import json

import numpy as np
import pytest

from embedding.errors import EmbedderOverloaded, EmbedderUnavailable
from mcserver.prompt import compose, parse_question
from storage.records import VectorRecord
from tests.mcserver.parts import Parts, error_text

KEYS = {"verdict", "reason", "tier", "answer", "id", "score", "threshold", "hit-query", "meta", "ttl", "age", "hits"}


@pytest.fixture
async def stored(parts: Parts) -> Parts:
    """Model m with the question "how", its reworded form at 0.95 and another at 0.9."""
    parts.embedder.relate("how", "in which way", 0.95)
    parts.embedder.relate("how", "why", 0.9)
    assert await parts.ask("MC.SET", "m", "how", "so", "META", '{"tokens": 5}', "WITHID") == 1
    return parts


def outcome(details):
    return details["verdict"], details["reason"], details["tier"]


def conversation(*turns: str) -> str:
    return json.dumps([{"role": ("user", "assistant")[position % 2], "content": turn} for position, turn in enumerate(turns)])


class TestReasons:
    async def test_exact(self, stored):
        details = await stored.verdict("m", "how")
        assert outcome(details) == (b"hit", b"exact", b"exact")
        assert details.keys() == KEYS
        assert (details["answer"], details["id"], details["score"], details["threshold"]) == (b"so", 1, 1.0, None)
        assert (details["hit-query"], details["meta"], details["ttl"], details["age"]) == (b"how", b'{"tokens":5}', -1, 0)

    async def test_similar(self, stored):
        stored.clock.seconds += 7
        details = await stored.verdict("m", "in which way")
        assert outcome(details) == (b"hit", b"similar", b"semantic")
        assert details["score"] == pytest.approx(0.95)
        assert (details["threshold"], details["answer"], details["hit-query"], details["age"]) == (0.93, b"so", b"how", 7)

    async def test_below_threshold_shows_the_best_candidate(self, stored):
        details = await stored.verdict("m", "why")
        assert outcome(details) == (b"miss", b"below-threshold", None)
        assert details["score"] == pytest.approx(0.9)
        assert (details["answer"], details["id"], details["hit-query"], details["hits"]) == (None, 1, b"how", None)

    async def test_empty(self, stored):
        for words in (("m", "how", "SYSTEM", "x"), ("other", "how")):
            details = await stored.verdict(*words)
            assert outcome(details) == (b"miss", b"empty", None)
            assert details.keys() == KEYS
            assert not any(details[key] for key in KEYS - {"verdict", "reason"})

    async def test_plain_replies(self, stored):
        assert await stored.ask("MC.GET", "m", "how") == b"so"
        assert await stored.ask("MC.GET", "m", "in which way") == b"so"
        assert await stored.ask("MC.GET", "m", "why") is None
        assert await stored.ask("MC.GET", "other", "how") is None

    async def test_counted(self, stored):
        for query in ("how", "how", "in which way", "why", "when"):
            await stored.ask("MC.GET", "m", query)
        statistics = stored.statistics("m")
        assert (statistics.exact, statistics.semantic, statistics.misses) == (2, 1, {"below-threshold": 2})
        assert statistics.latency.total == 5

    async def test_hits_go_up_with_every_hit(self, stored):
        assert [(await stored.verdict("m", query))["hits"] for query in ("how", "in which way", "how")] == [1, 2, 3]


class TestThreshold:
    async def test_can_be_tightened(self, stored):
        assert await stored.ask("MC.GET", "m", "in which way", "THRESHOLD", "0.96") is None
        assert (await stored.verdict("m", "in which way", "THRESHOLD", "0.96"))["threshold"] == 0.96

    async def test_cannot_be_loosened(self, stored):
        details = await stored.verdict("m", "why", "THRESHOLD", "0.5")
        assert (details["reason"], details["threshold"]) == (b"below-threshold", 0.93)

    async def test_exact_hits_need_none(self, stored):
        assert await stored.ask("MC.GET", "m", "how", "THRESHOLD", "1") == b"so"

    async def test_the_model_has_its_own(self, stored):
        await stored.ask("MC.CONFIG", "SET", "m", "threshold", "0.89")
        assert await stored.ask("MC.GET", "m", "why") == b"so"

    async def test_long_texts_have_their_own(self, stored):
        long = "y" * 257
        stored.embedder.relate("how", long, 0.95)
        await stored.ask("MC.CONFIG", "SET", "m", "threshold-long", "0.97")
        assert (await stored.verdict("m", long))["threshold"] == 0.97
        await stored.ask("MC.CONFIG", "SET", "m", "long-text-chars", "257")
        assert (await stored.verdict("m", long))["threshold"] == 0.93


class TestCandidates:
    async def test_a_refused_best_one_does_not_hide_a_valid_second(self, parts):
        parts.embedder.relate("ask", "best", 0.99)
        parts.embedder.relate("ask", "second", 0.95)
        await parts.ask("MC.SET", "m", "best", "1", "TAGS", 1, "x")
        await parts.ask("MC.SET", "m", "second", "2", "TAGS", 1, "y")
        details = await parts.verdict("m", "ask", "TAGS", 1, "y")
        assert (details["reason"], details["answer"]) == (b"similar", b"2")

    async def test_the_reason_is_that_of_the_best(self, parts):
        parts.embedder.relate("ask", "best", 0.99)
        parts.embedder.relate("ask", "second", 0.9)
        await parts.ask("MC.SET", "m", "best", "1")
        await parts.ask("MC.SET", "m", "second", "2", "TAGS", 1, "y")
        details = await parts.verdict("m", "ask", "TAGS", 1, "y")
        assert (details["reason"], details["id"], details["hit-query"]) == (b"tags", 1, b"best")

    async def test_tags_are_found_behind_many_others(self, parts):
        given = {"VECTOR": unit(1.0)}
        for number in range(40):
            tag = "wanted" if number == 39 else "other"
            await parts.ask("MC.SET", "m", f"question {number}", number, "TAGS", 1, tag, *words(given))
        assert await parts.ask("MC.GET", "m", "ask", "TAGS", 1, "wanted", *words(given)) == b"39"
        details = await parts.verdict("m", "ask", "TAGS", 1, "nowhere", *words(given))
        assert details["reason"] == b"tags"

    async def test_the_search_for_tags_has_an_end(self, parts, monkeypatch):
        monkeypatch.setattr("mcserver.cache.lookup.MAX_CANDIDATES", 8)
        for number in range(9):
            await parts.ask("MC.SET", "m", f"question {number}", number, "TAGS", 1, f"t{number}", "VECTOR", unit(1.0))
        assert await parts.ask("MC.GET", "m", "ask", "TAGS", 1, "t8", "VECTOR", unit(1.0)) is None

    async def test_a_vector_whose_row_is_gone_is_no_hit(self, stored):
        await stored.ask("MC.DEL", "m", 1)
        await stored.index.add([record(stored, 1, "how")])
        details = await stored.verdict("m", "in which way")
        assert outcome(details) == (b"miss", b"empty", None)

    async def test_the_best_candidate_may_be_gone_when_it_is_shown(self, stored):
        await stored.ask("MC.DEL", "m", 1)
        await stored.index.add([record(stored, 1, "how")])
        details = await stored.verdict("m", "why")
        assert (details["reason"], details["id"], details["hit-query"]) == (b"below-threshold", 1, None)


class TestTags:
    async def test_all_must_be_carried(self, parts):
        await parts.ask("MC.SET", "m", "how", "so", "TAGS", 2, "a", "b")
        assert await parts.ask("MC.GET", "m", "how", "TAGS", 1, "b") == b"so"
        assert await parts.ask("MC.GET", "m", "how", "TAGS", 2, "b", "a") == b"so"
        assert await parts.ask("MC.GET", "m", "how", "TAGS", 2, "a", "c") is None
        assert await parts.ask("MC.GET", "m", "how") == b"so"

    async def test_also_where_memory_does_not_know_the_entry(self, parts):
        await parts.ask("MC.SET", "m", "how", "so", "TAGS", 1, "a")
        assert (await parts.verdict("m", "how", "TAGS", 1, "c"))["reason"] == b"tags"
        assert await parts.ask("MC.GET", "m", "how", "TAGS", 1, "c", "EXACT") is None


class TestContext:
    async def test_same_last_turn_other_conversation(self, parts):
        await parts.ask("MC.SET", "m", conversation("Netflix", "Yes?", "cancel it"), "done")
        for other in (conversation("my gym", "Yes?", "cancel it"), "cancel it"):
            assert (await parts.verdict("m", other))["reason"] == b"context"

    async def test_similar_contexts(self, parts):
        parts.embedder.relate("user: Netflix\nassistant: Yes?", "user: netflix\nassistant: Yes?", 0.91)
        await parts.ask("MC.SET", "m", conversation("Netflix", "Yes?", "cancel it"), "done")
        assert (await parts.verdict("m", conversation("netflix", "Yes?", "cancel it")))["reason"] == b"similar"
        await parts.ask("MC.CONFIG", "SET", "m", "threshold-context", "0.92")
        assert (await parts.verdict("m", conversation("netflix", "Yes?", "cancel it")))["reason"] == b"context"

    async def test_a_single_turn_is_no_answer_to_a_conversation(self, parts):
        await parts.ask("MC.SET", "m", "cancel it", "done")
        assert (await parts.verdict("m", conversation("my gym", "Yes?", "cancel it")))["reason"] == b"context"

    async def test_last_turn_alone_where_the_model_says_so(self, parts):
        await parts.ask("MC.SET", "m", conversation("Netflix", "Yes?", "cancel it"), "done")
        await parts.ask("MC.CONFIG", "SET", "m", "context", "last-turn")
        assert await parts.ask("MC.GET", "m", "cancel it") == b"done"


class TestExactOnly:
    async def test_no_embedding(self, stored):
        batches = len(stored.embedder.batches)
        assert await stored.ask("MC.GET", "m", "in which way", "EXACT") is None
        assert await stored.ask("MC.GET", "m", "how", "EXACT") == b"so"
        assert len(stored.embedder.batches) == batches


class TestExpired:
    async def test_not_from_memory(self, parts):
        await parts.ask("MC.SET", "m", "how", "so", "EX", 10)
        assert (await parts.verdict("m", "how"))["ttl"] == 10
        parts.clock.seconds += 9.5
        assert (await parts.verdict("m", "how"))["ttl"] == 1
        parts.clock.seconds += 0.5
        assert (await parts.verdict("m", "how"))["reason"] == b"expired"
        assert await parts.ask("MC.GET", "m", "how", "EXACT") is None

    async def test_not_from_the_store(self, parts):
        await parts.ask("MC.SET", "m", "how", "so", "EX", 10)
        parts.clock.seconds += 10
        assert await parts.ask("MC.GET", "m", "how") is None

    async def test_not_from_the_index(self, parts):
        parts.embedder.relate("how", "in which way", 0.95)
        await parts.ask("MC.SET", "m", "how", "so", "EX", 10)
        parts.clock.seconds += 10
        assert (await parts.verdict("m", "in which way"))["reason"] == b"expired"


class TestVector:
    async def test_in_place_of_the_text(self, parts):
        await parts.ask("MC.SET", "m", "how", "so", "VECTOR", unit(0.0, 3.0))
        assert await parts.ask("MC.GET", "m", "anything", "VECTOR", unit(0.0, 1.0)) == b"so"
        assert await parts.ask("MC.GET", "m", "anything", "VECTOR", unit(1.0, 0.0)) is None
        assert parts.embedder.batches == []

    async def test_the_context_is_embedded_still(self, parts):
        chat = conversation("a", "b", "c")
        await parts.ask("MC.SET", "m", chat, "so", "VECTOR", unit(1.0))
        assert await parts.ask("MC.GET", "m", conversation("a", "b", "d"), "VECTOR", unit(1.0)) == b"so"
        assert parts.embedder.batches == [["user: a\nassistant: b"], ["user: a\nassistant: b"]]

    @pytest.mark.parametrize(
        ("blob", "reason"),
        [
            (b"", "invalid VECTOR: expected 256 bytes (64 float32 little-endian), got 0"),
            (b"\0" * 255, "got 255"),
            (b"\0" * 260, "got 260"),
            (b"\0" * 256, "expected finite numbers that are not all zero"),
            (np.full(64, np.nan, "<f4").tobytes(), "expected finite numbers"),
            (np.full(64, np.inf, "<f4").tobytes(), "expected finite numbers"),
            (np.full(64, -np.inf, "<f4").tobytes(), "expected finite numbers"),
        ],
    )
    @pytest.mark.parametrize(
        "command", [["MC.GET", "m", "how"], ["MC.GET", "none", "how"], ["MC.SET", "m", "how", "so"], ["MC.SET", "none", "how", "so"]]
    )
    async def test_bad(self, stored, command, blob, reason):
        await stored.ask("MC.GET", "m", "how")
        assert reason in error_text(await stored.ask(*command, "VECTOR", blob))
        assert await stored.ask("MC.GET", "m", "how") == b"so"
        assert await stored.ask("MC.MODELS") == [b"m"]

    async def test_tiny_and_huge_numbers(self, parts):
        await parts.ask("MC.SET", "m", "how", "so", "VECTOR", unit(1e-44))
        assert await parts.ask("MC.GET", "m", "x", "VECTOR", unit(3e38)) == b"so"


class TestUnavailable:
    async def test_the_embedder_is_down(self, stored):
        stored.embedder.failure = EmbedderUnavailable("no model")
        assert (await stored.verdict("m", "in which way"))["reason"] == b"unavailable"
        assert await stored.ask("MC.GET", "m", "how") == b"so"
        assert await stored.ask("MC.MGET", "m", 2, "why", "how") == [None, b"so"]
        assert stored.statistics("m").misses == {"unavailable": 2}

    async def test_the_store_is_down(self, stored):
        await stored.ask("MC.GET", "m", "how")
        stored.store.down = True
        assert (await stored.verdict("m", "in which way"))["reason"] == b"unavailable"
        assert await stored.ask("MC.GET", "m", "how") == b"so"
        assert await stored.ask("MC.MGET", "m", 2, "why", "how") == [None, b"so"]
        stored.store.down = False
        assert await stored.ask("MC.GET", "m", "in which way") == b"so"

    async def test_the_store_goes_down_while_a_lookup_is_embedded(self, stored):
        stored.embedder.holding = True
        asked = asyncio.create_task(stored.verdict("m", "in which way"))
        held = await stored.embedder.held()
        stored.store.down = True
        held.release()
        assert (await asked)["reason"] == b"unavailable"

    async def test_the_best_candidate_of_a_miss_cannot_be_read(self, stored):
        stored.embedder.holding = True
        asked = asyncio.create_task(stored.verdict("m", "why"))
        held = await stored.embedder.held()
        stored.store.down = True
        held.release()
        assert (await asked)["reason"] == b"unavailable"

    async def test_too_much_to_embed(self, stored):
        stored.embedder.failure = EmbedderOverloaded("too many texts")
        assert error_text(await stored.ask("MC.GET", "m", "why")) == "BUSY too many texts"
        assert error_text(await stored.ask("MC.SET", "m", "why", "x")) == "BUSY too many texts"

    async def test_another_embedder_than_the_models(self, stored):
        stored.embedder.name = "newer"
        assert (await stored.verdict("m", "why"))["reason"] == b"unavailable"
        refusal = error_text(await stored.ask("MC.SET", "m", "why", "x"))
        assert refusal == "UNAVAILABLE model was embedded with table (64), this server has newer (64)"
        assert await stored.ask("MC.GET", "m", "how") == b"so"


class TestSeveral:
    async def test_one_batch_and_replies_in_order(self, stored):
        stored.embedder.batches.clear()
        assert await stored.ask("MC.MGET", "m", 4, "why", "how", "in which way", "why") == [None, b"so", b"so", None]
        assert stored.embedder.batches == [["why", "in which way"]]

    async def test_with_details(self, stored):
        found = await stored.ask("MC.MGET", "m", 2, "how", "why", "WITHMETA")
        assert [details["reason"] for details in found] == [b"exact", b"below-threshold"]

    async def test_a_vector_for_one_only(self, stored):
        assert "VECTOR goes with one query" in error_text(await stored.ask("MC.MGET", "m", 2, "a", "b", "VECTOR", unit(1.0)))
        assert await stored.ask("MC.MGET", "m", 1, "a", "VECTOR", unit(1.0)) == [b"so"]

    async def test_all_exact_needs_no_embedder(self, stored):
        stored.embedder.failure = EmbedderUnavailable("no model")
        assert await stored.ask("MC.MGET", "m", 2, "how", "how") == [b"so", b"so"]


class TestLargeQuestions:
    async def test_parsed_on_a_thread(self, parts):
        large = conversation("a", "b", "c" * 70_000)
        assert await parts.ask("MC.SET", "m", large, "so") == b"OK"
        assert await parts.ask("MC.GET", "m", large) == b"so"
        assert "no user turn" in error_text(await parts.ask("MC.GET", "m", json.dumps([{"role": "system", "content": "c" * 70_000}])))


def unit(*values: float) -> bytes:
    """A client's vector that begins with these numbers."""
    return np.array([*values, *[0.0] * (64 - len(values))], "<f4").tobytes()


def record(parts: Parts, entry_id: int, text: str) -> VectorRecord:
    """A vector that the index keeps of a row that is gone."""
    partition = compose(parse_question(text), system_mode="partition", context_mode="match").partition
    return VectorRecord(1, partition, entry_id, parts.embedder.vector(text))


def words(options):
    return [word for pair in options.items() for word in pair]
