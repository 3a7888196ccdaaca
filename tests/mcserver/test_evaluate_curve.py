import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcserver.evaluate.curve import DECIMALS, Scored, least_threshold, recommend, split_scores

TEN = np.arange(10) / 10


def scored(right: list[float], wrong: list[float]) -> Scored:
    return Scored(np.array(right, float), np.array(wrong, float))


def test_parted_by_label() -> None:
    found = split_scores(np.array([0.1, 0.2, 0.3]), [True, False, True])
    assert (found.right.tolist(), found.wrong.tolist()) == ([0.1, 0.3], [0.2])


def test_a_score_on_the_threshold_is_served() -> None:
    found = scored([0.5, 0.9], [0.5, 0.1, 0.2, 0.3])
    assert (found.hit_rate(0.5), found.wrong_rate(0.5)) == (1, 0.25)


@pytest.mark.parametrize(
    ("right", "wrong", "auc"),
    [([0.9, 0.8], [0.1, 0.2], 1), ([0.1], [0.9, 0.8], 0), ([0.5, 0.5], [0.5], 0.5), ([0.3, 0.7], [0.5], 0.5), ([3, 2], [2, 1], 0.875)],
)
def test_area_under_the_curve(right: list[float], wrong: list[float], auc: float) -> None:
    assert scored(right, wrong).auc() == auc


scores = st.lists(st.floats(0, 1, width=16), min_size=1, max_size=30)


@given(scores, scores)
def test_area_is_the_share_of_pairs_in_order(right: list[float], wrong: list[float]) -> None:
    in_order = [(one > other) + (one == other) / 2 for one in right for other in wrong]
    assert scored(right, wrong).auc() == pytest.approx(np.mean(in_order))


@pytest.mark.parametrize(("rate", "served"), [(0, 0), (0.05, 0), (0.1, 1), (0.3, 3), (0.99, 9)])
def test_least_threshold_serves_as_many_as_it_may(rate: float, served: int) -> None:
    assert (least_threshold([TEN], rate) <= TEN).sum() == served


@given(scores, st.floats(0, 0.999))
def test_least_threshold_keeps_the_rate_and_none_below_does(wrong: list[float], rate: float) -> None:
    found = scored([1], wrong)
    threshold = least_threshold([found.wrong], rate)
    assert found.wrong_rate(threshold) <= rate + 1e-9
    below = [score for score in wrong if score < threshold]
    assert all(found.wrong_rate(score) > rate for score in below)


def test_every_file_weighs_the_same() -> None:
    many, few = np.full(1000, 0.2), np.array([0.9, 0.1])
    assert 0.2 < least_threshold([many, few], 0.25) <= 0.9
    assert least_threshold([many, few], 0.24) > 0.9
    assert least_threshold([many, few], 0.75) < 0.2


def test_best_hit_rate_at_a_wrong_hit_rate() -> None:
    found = scored([0.95, 0.85, 0.65, 0.05], list(TEN))
    assert (found.hit_rate_at(0), found.hit_rate_at(0.1), found.hit_rate_at(0.3)) == (0.25, 0.5, 0.75)


def test_halves_share_no_pair() -> None:
    one, other = scored(list(range(10)), list(range(100, 107))).halves(seed=4)
    assert sorted([*one.right, *other.right]) == list(range(10))
    assert sorted([*one.wrong, *other.wrong]) == list(range(100, 107))
    assert (len(one.right), len(one.wrong)) == (5, 4)


def normal(seed: int, size: int = 4000) -> Scored:
    draw = np.random.default_rng(seed)
    return Scored(draw.normal(0.8, 0.1, size), draw.normal(0.5, 0.1, size))


def test_recommendation_keeps_its_promise_on_pairs_it_has_not_seen() -> None:
    found = recommend([normal(1), normal(2)], 0.05, seed=1)
    known = 0.5 + 0.1 * 1.6449  # where 5 % of the wrong scores are above
    assert found.low <= known <= found.high
    assert found.low <= found.threshold <= found.high
    assert found.threshold == round(found.threshold, DECIMALS)
    assert found.wrong_rate == pytest.approx(0.05, abs=0.01)
    assert found.hit_rate == pytest.approx(0.91, abs=0.02)


def test_recommendation_is_reproducible() -> None:
    assert recommend([normal(1)], 0.1, seed=7) == recommend([normal(1)], 0.1, seed=7)
    assert recommend([normal(1)], 0.1, seed=7) != recommend([normal(1)], 0.1, seed=8)


def test_fewer_pairs_wider_interval() -> None:
    few, many = (recommend([normal(3, size)], 0.05, seed=1) for size in (100, 4000))
    assert few.high - few.low > many.high - many.low
