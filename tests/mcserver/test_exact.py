"""The exact tier: bounded, and never with an answer that is none any more."""

import pytest

from mcserver.exact import ANSWER_OVERHEAD, MAX_REQUESTS, REQUEST_OVERHEAD, ExactTier
from mcserver.telemetry.statistics import ModelStatistics
from protocol.request import pack_request
from storage.records import Entry

STATISTICS = ModelStatistics()
SIZE = ANSWER_OVERHEAD + len(b"$1\r\na\r\n")


def entry(number: int, *, model: int = 1, partition: bytes = b"p", **changes: object) -> Entry:
    fields = {
        "id": number, "model_id": model, "epoch": 1, "partition": partition, "exact_key": b"%d" % number, "query": "", "answer": b"a",
        "meta": "", "tags": (), "context_vector": None, "created": 1, "expires": 0, "hits": 3, "last_hit": 0, "good": 0, "bad": 0,
    }  # fmt: skip
    return Entry(**{**fields, **changes})


def request(number: int) -> tuple[bytes, ...]:
    return (b"MC.GET", b"m", b"%d" % number)


@pytest.fixture
def tier():
    return ExactTier(20 * SIZE)


def put(tier: ExactTier, number: int, **changes: object):
    return tier.put(entry(number, **changes), STATISTICS)


def test_found_by_its_key(tier):
    answer = put(tier, 1, answer=b"two\nlines")
    assert tier.find((1, b"p", b"1")) is answer
    assert (answer.reply, answer.answer) == (b"$9\r\ntwo\nlines\r\n", b"two\nlines")
    assert (answer.stored_hits, answer.hits, len(tier)) == (3, 0, 1)
    assert tier.find((2, b"p", b"1")) is None
    assert tier.find((1, b"q", b"1")) is None


def test_the_newer_one_counts(tier):
    old = put(tier, 1)
    tier.remember(request(1), old)
    new = put(tier, 1, answer=b"b")
    assert (old.alive, new.alive) == (False, True)
    assert tier.find(new.key) is new
    assert tier.requests == {}
    assert (tier.bytes, len(tier)) == (new.size, 1)


def test_without_expiry_it_is_far_in_the_future(tier):
    assert put(tier, 1).expires > 1 << 60
    assert put(tier, 2, expires=7).expires == 7


class TestBudget:
    def test_least_recently_used_goes_first(self, tier):
        for number in range(20):
            put(tier, number)
        assert (len(tier), tier.evicted, tier.bytes) == (20, 0, 20 * SIZE)
        tier.find((1, b"p", b"0"))
        put(tier, 20)
        put(tier, 21)
        assert [tier.find((1, b"p", b"%d" % number)) is not None for number in range(4)] == [True, False, False, True]
        assert tier.evicted == 2

    def test_hits_count_as_use_once_they_are_taken(self, tier):
        answers = [put(tier, number) for number in range(20)]
        tier.hit(answers[0], 5)
        assert tier.take_touched() == [answers[0]]
        put(tier, 20)
        assert (answers[0].alive, answers[1].alive) == (True, False)

    def test_a_large_answer_is_not_kept(self, tier):
        answer = put(tier, 1, answer=b"a" * 3 * SIZE)
        assert (answer.alive, len(tier), tier.bytes) == (False, 0, 0)
        assert answer.answer == b"a" * 3 * SIZE

    def test_a_large_answer_still_pushes_the_old_one_out(self, tier):
        old = put(tier, 1)
        put(tier, 1, answer=b"a" * 3 * SIZE)
        assert not old.alive
        assert tier.find(old.key) is None

    def test_switched_off(self):
        tier = ExactTier(0)
        assert not put(tier, 1).alive

    def test_resize(self, tier):
        for number in range(20):
            put(tier, number)
        tier.resize(5 * SIZE)
        assert (len(tier), tier.evicted) == (5, 15)
        tier.resize(0)
        assert (len(tier), tier.bytes) == (0, 0)

    def test_query_and_meta_cost(self, tier):
        assert put(tier, 1, query="q" * 10, meta="m" * 5).size == SIZE + 30


class TestRequests:
    def test_remembered_and_counted(self, tier):
        answer = put(tier, 1)
        tier.remember(request(1), answer)
        assert tier.requests[request(1)] is answer
        assert tier.wires[pack_request(request(1))[1:-2]] is answer
        assert tier.bytes == SIZE + REQUEST_OVERHEAD + 16

    def test_once(self, tier):
        answer = put(tier, 1)
        for _ in range(2):
            tier.remember(request(1), answer)
        assert answer.requests == [request(1)]
        tier.discard(answer.key)
        assert (tier.requests, tier.wires, tier.bytes) == ({}, {}, 0)

    def test_only_some_spellings(self, tier):
        answer = put(tier, 1)
        for number in range(MAX_REQUESTS + 1):
            tier.remember(request(number), answer)
        assert len(tier.requests) == MAX_REQUESTS
        assert request(MAX_REQUESTS) not in tier.requests

    def test_not_for_an_answer_that_is_gone(self, tier):
        answer = put(tier, 1)
        tier.discard(answer.key)
        tier.remember(request(1), answer)
        assert tier.requests == {}

    def test_not_a_large_one(self, tier):
        tier.remember((b"x" * 2 * SIZE,), put(tier, 1))
        assert tier.requests == {}

    def test_they_push_out_answers_too(self, tier):
        answers = [put(tier, number) for number in range(20)]
        tier.remember(request(19), answers[19])
        assert not answers[0].alive
        assert tier.bytes <= tier.budget

    def test_forgotten_for_one_model(self, tier):
        mine, other = put(tier, 1), put(tier, 2, model=2)
        tier.remember(request(1), mine)
        tier.remember(request(2), other)
        tier.forget_requests(1)
        assert list(tier.requests) == [request(2)]
        assert (mine.requests, mine.alive, mine.size) == ([], True, SIZE)
        tier.forget_requests(3)


class TestForgetting:
    def test_by_id(self, tier):
        put(tier, 1)
        tier.discard_id(1, 7)
        tier.discard_id(2, 1)
        assert len(tier) == 1
        tier.discard_id(1, 1)
        assert len(tier) == 0

    def test_a_key_that_is_not_there(self, tier):
        tier.discard((1, b"p", b"1"))
        assert len(tier) == 0

    def test_a_partition_or_a_model(self, tier):
        put(tier, 1)
        put(tier, 2, partition=b"q")
        put(tier, 3, model=2)
        tier.drop(1, b"p")
        assert (tier.find((1, b"p", b"1")), len(tier)) == (None, 2)
        tier.drop(1)
        assert len(tier) == 1
        tier.drop(1)
        assert tier.find((2, b"p", b"3")) is not None

    def test_hits_of_a_forgotten_answer_are_still_taken(self, tier):
        answer = put(tier, 1)
        tier.hit(answer, 5)
        tier.hit(answer, 6)
        tier.discard(answer.key)
        assert tier.take_touched() == [answer]
        assert (answer.hits, answer.last_hit) == (2, 6)
        assert tier.take_touched() == []

    def test_hits_of_an_answer_that_was_never_kept(self, tier):
        put(tier, 1)
        unkept = ExactTier(0).put(entry(1), STATISTICS)
        tier.hit(unkept, 5)
        assert tier.take_touched() == [unkept]

    def test_hits_are_taken_some_at_a_time(self, tier):
        answers = {put(tier, number) for number in (1, 2, 3)}
        for answer in answers:
            tier.hit(answer, 5)
        taken = [tier.take_touched(2), tier.take_touched(2), tier.take_touched(2)]
        assert [len(some) for some in taken] == [2, 1, 0]
        assert {answer for some in taken for answer in some} == answers


def test_the_share_of_some_models(tier):
    for number in (1, 2, 3):
        put(tier, number, model=number)
    tier.remember(request(1), tier.find((1, b"p", b"1")))
    remembered = tier.bytes - 3 * SIZE
    assert tier.share([]) == tier.share([7]) == (0, 0)
    assert tier.share([1, 2]) == (2, 2 * SIZE + remembered)
    assert tier.share([1, 2, 3]) == (len(tier), tier.bytes)
