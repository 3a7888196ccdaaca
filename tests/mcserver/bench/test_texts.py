"""The benchmark's own questions and vectors."""

import numpy as np
import pytest

from mcserver.bench.synthetic import MEMBER, WORDING, Synthetic, blobs
from mcserver.bench.texts import CHINESE, ENGLISH, Texts


def test_no_text_is_handed_out_twice() -> None:
    texts = Texts(300)
    given = [*(question.stored for question in texts.stored), *texts.reworded(2_000), *texts.fresh(2_000), *texts.reworded(100)]
    assert len(given) == 4_400 == len(set(given))


def test_same_seed_same_texts() -> None:
    assert Texts(20).reworded(100) == Texts(20).reworded(100)
    assert Texts(20, seed=2).reworded(100) != Texts(20).reworded(100)


def test_reworded_texts_ask_what_is_stored() -> None:
    texts = Texts(50)
    wordings = {wording for question in texts.stored for wording in question.reworded}
    assert set(texts.reworded(350)) == wordings == set(texts.answers)
    assert all(texts.answers[wording] == question.answer for question in texts.stored for wording in question.reworded)


def test_languages_take_turns() -> None:
    stored = [question.stored for question in Texts(100).stored]
    assert [text.isascii() for text in stored] == [True, False] * 50


def test_questions_are_short_and_every_template_is_filled() -> None:
    for language in (ENGLISH, CHINESE):
        texts = [text for question in language.questions() for text in (question.stored, *question.reworded)]
        assert len(set(texts)) == len(texts) > 10_000
        assert all(6 <= len(text) <= 120 and "{" not in text for text in texts)


def test_answers_differ() -> None:
    questions = Texts(200).stored
    assert len({question.answer for question in questions}) == 200


def test_running_out_is_told() -> None:
    with pytest.raises(ValueError, match="8 more texts were asked for, 7 were left"):
        Texts(1).reworded(8)
    with pytest.raises(ValueError, match="99999 stored questions were asked for"):
        Texts(99_999)


def test_synthetic_vectors_are_clustered_unit_vectors() -> None:
    synthetic = Synthetic(2_000, 384)
    assert np.allclose(np.linalg.norm(synthetic.vectors, axis=1), 1, atol=1e-5)
    similar = synthetic.vectors[:100] @ synthetic.vectors[:100].T
    siblings = synthetic.vectors[0] @ synthetic.vectors[2_000 // 20]
    assert siblings == pytest.approx(MEMBER**2, abs=0.03)
    assert np.median(similar) < 0.6


def test_reworded_vectors_have_one_clear_neighbour_and_new_ones_several() -> None:
    synthetic = Synthetic(2_000, 384)
    _, scores = synthetic.nearest(synthetic.reworded(50))
    assert np.allclose(scores, WORDING, atol=0.02)
    _, scores = synthetic.nearest(synthetic.new(50))
    assert np.all(scores < MEMBER)


def test_nearest_is_exact() -> None:
    synthetic = Synthetic(70_000, 8)  # more than one block
    questions = synthetic.reworded(20)
    rows, scores = synthetic.nearest(questions)
    everything = questions @ synthetic.vectors.T
    assert np.array_equal(rows, everything.argmax(1))
    assert np.allclose(scores, everything.max(1), atol=1e-6)
    assert rows.max() > 65_536


def test_same_seed_same_vectors_as_blobs() -> None:
    first, second = (b"".join(blobs(Synthetic(100, 16).vectors)) for _ in range(2))
    assert first == second
    assert len(first) == 100 * 16 * 4
    assert np.array_equal(np.frombuffer(first, "<f4").reshape(100, 16), Synthetic(100, 16).vectors)
