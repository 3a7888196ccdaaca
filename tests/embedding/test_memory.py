import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from embedding.memory import OVERHEAD_BYTES, VectorMemory

VECTOR = np.ones(8, np.float32)
ITEM = OVERHEAD_BYTES + VECTOR.nbytes + 4


def test_least_recently_used_goes_first() -> None:
    memory = VectorMemory(2 * ITEM)
    memory.put("a", VECTOR)
    memory.put("b", VECTOR)
    assert memory.get("a") is not None
    memory.put("c", VECTOR)
    assert memory.get("b") is None
    assert memory.get("a") is not None
    assert len(memory) == 2


def test_a_copy_is_kept() -> None:
    memory = VectorMemory(ITEM)
    batch = np.ones((2, 8), np.float32)
    memory.put("a", batch[0])
    batch[:] = 7
    kept = memory.get("a")
    assert kept is not None
    assert kept.tolist() == [1] * 8
    assert kept.base is None


def test_what_is_larger_than_the_budget_displaces_nothing() -> None:
    memory = VectorMemory(ITEM)
    memory.put("a", VECTOR)
    memory.put("much longer", VECTOR)
    assert memory.get("a") is not None
    assert memory.get("much longer") is None


def test_no_budget_no_memory() -> None:
    memory = VectorMemory(0)
    memory.put("", VECTOR)
    assert len(memory) == 0


def test_a_new_vector_replaces_the_old() -> None:
    memory = VectorMemory(2 * ITEM)
    memory.put("a", VECTOR)
    memory.put("a", 2 * VECTOR)
    kept = memory.get("a")
    assert kept is not None
    assert kept.tolist() == [2] * 8
    assert memory.used_bytes == ITEM


@given(st.lists(st.text(max_size=4), max_size=60))
def test_never_over_the_budget(texts: list[str]) -> None:
    memory = VectorMemory(5 * ITEM)
    for text in texts:
        memory.put(text, VECTOR)
        assert memory.used_bytes <= 5 * ITEM
        assert memory.get(text) is not None
    assert (memory.used_bytes == 0) == (len(memory) == 0)
