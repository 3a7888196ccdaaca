import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedding.errors import EmbedderOverloaded
from embedding.waiting import CLASS_TOKENS, PATIENCE, TOKEN_BYTES, Slot, Waiting

SHORT, LONG = "s", "l" * TOKEN_BYTES * (CLASS_TOKENS[0] + 1)


def queue(*texts: str) -> Waiting:
    waiting = Waiting(texts=1000, characters=10**6)
    for text in texts:
        waiting.add(text)
    return waiting


def texts(slots: list[Slot]) -> list[str]:
    return [slot.text for slot in slots]


def test_first_come_first_served_within_a_class() -> None:
    waiting = queue("b", "a", "c")
    assert texts(waiting.take(tokens=2, share=1)) == ["b", "a"]
    assert texts(waiting.take(tokens=2, share=1)) == ["c"]
    assert waiting.take(tokens=2, share=1) == []


def test_one_text_however_long() -> None:
    assert texts(queue(LONG).take(tokens=1, share=1)) == [LONG]


@pytest.mark.parametrize(("waits", "share", "taken"), [(4, 2, 2), (5, 2, 3), (1, 2, 1), (6, 3, 2)])
def test_idle_workers_share_what_waits(waits: int, share: int, taken: int) -> None:
    assert len(queue(*"abcdefgh"[:waits]).take(tokens=100, share=share)) == taken


def test_long_texts_do_not_hold_up_short_ones_and_get_their_turn() -> None:
    waiting = queue(LONG, *(f"{number}" for number in range(PATIENCE + 2)))
    order = [waiting.take(tokens=1, share=1)[0].text for _ in range(PATIENCE + 3)]
    assert order == ["0", "1", "2", "3", LONG, "4", "5"]


def test_lengths_do_not_mix() -> None:
    waiting = queue(LONG, SHORT, LONG + "!", "t")
    assert texts(waiting.take(tokens=10**6, share=1)) == [SHORT, "t"]
    assert texts(waiting.take(tokens=10**6, share=1)) == [LONG, LONG + "!"]


def test_chinese_counts_by_its_bytes() -> None:
    assert queue("重置密码" * 12).take(tokens=1, share=1)[0].tokens == 37


def test_a_lone_surrogate_can_wait() -> None:
    assert texts(queue("\udc80").take(tokens=1, share=1)) == ["\udc80"]


def test_bounds_in_texts_and_in_characters() -> None:
    waiting = Waiting(texts=3, characters=10)
    waiting.add("1234")
    waiting.check_room(2, 6)
    with pytest.raises(EmbedderOverloaded, match="1 texts wait, 3 more would be over the limit of 3"):
        waiting.check_room(3, 3)
    with pytest.raises(EmbedderOverloaded, match="4 characters wait, 7 more would be over the limit of 10"):
        waiting.check_room(1, 7)


def test_a_text_that_left_takes_no_room() -> None:
    waiting = Waiting(texts=1, characters=4)
    slot = waiting.add("1234")
    waiting.remove(slot)
    assert not slot.queued
    waiting.check_room(1, 4)


@given(st.lists(st.text(max_size=700), unique=True, max_size=30), st.integers(1, 300), st.integers(1, 3))
def test_everything_leaves_once(arrivals: list[str], tokens: int, share: int) -> None:
    waiting = queue(*arrivals)
    taken: list[str] = []
    while batch := waiting.take(tokens=tokens, share=share):
        assert len(batch) == 1 or sum(slot.tokens for slot in batch) <= tokens
        taken += texts(batch)
    assert sorted(taken) == sorted(arrivals)
    assert (len(waiting), waiting.characters) == (0, 0)


def test_drained() -> None:
    waiting = queue(SHORT, LONG)
    assert sorted(texts(waiting.drain())) == sorted([SHORT, LONG])
    assert (len(waiting), waiting.characters) == (0, 0)
