import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedding.windows import Window, pool, split, unit

HEAD, TAIL = 3, 1


def cut(body: int, limit: int) -> list[Window]:
    ids = [1001, 1002, 1003, *range(body), 1009]
    return split(7, ids, head=HEAD, tail=TAIL, limit=limit)


@given(body=st.integers(0, 300), limit=st.integers(HEAD + TAIL + 1, 60))
def test_every_token_once_in_order_within_the_limit(body: int, limit: int) -> None:
    windows = cut(body, limit)
    assert [token for window in windows for token in window.ids[HEAD:-TAIL]] == list(range(body))
    assert all(len(window.ids) <= limit and window.text == 7 for window in windows)
    assert all(window.ids[:HEAD] == [1001, 1002, 1003] and window.ids[-TAIL:] == [1009] for window in windows)


@given(body=st.integers(1, 300), limit=st.integers(HEAD + TAIL + 1, 60))
def test_as_few_windows_as_can_be_and_of_even_length(body: int, limit: int) -> None:
    weights = [window.weight for window in cut(body, limit)]
    assert len(weights) == -(-body // (limit - HEAD - TAIL))
    assert sum(weights) == body
    assert max(weights) - min(weights) <= 1


def test_an_empty_text_is_one_window_that_counts() -> None:
    assert cut(0, 10) == [Window(7, [1001, 1002, 1003, 1009], 1)]


def test_windows_are_pooled_by_weight() -> None:
    windows = [Window(1, [], 3), Window(0, [], 5), Window(1, [], 1)]
    vectors = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    pooled = pool(windows, vectors, 2)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, [[0, 1], np.array([3, 1]) / np.sqrt(10)], rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-18, 1, 1e18])
def test_unit_length_at_any_scale(scale: float) -> None:
    np.testing.assert_allclose(unit(np.array([[3, 4]], np.float32) * np.float32(scale)), [[0.6, 0.8]], rtol=1e-5)


def test_zeros_stay_zeros() -> None:
    assert not unit(np.zeros((1, 4), np.float32)).any()
