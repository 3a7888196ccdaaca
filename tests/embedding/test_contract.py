"""What every provider and the batcher around it must do. A new provider is one row in `PROVIDERS`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from embedding.batcher import Batcher
from embedding.errors import EmbedderUnavailable
from embedding.onnx import OnnxEncoder
from embedding.seam import Embedder, Encoder

PROVIDERS: dict[str, Callable[[Path], Encoder]] = {"onnx": lambda folder: OnnxEncoder(folder, threads=1)}

SAME = 0.99999
"""Least cosine of two vectors of one text."""

QUESTIONS = [
    "how do I reset my password?",
    "如何重置密码？",
    "What's the capital of France",
    "x",
    "",
    "   ",
    "emoji 👍🏽 and ﬁ ligature",
    "def f(x):\n\treturn x ** 2",
    "怎么申请退款，需要多长时间才能到账？" * 6,
    "the same words again and again " * 30,
]


@pytest.fixture(scope="module", params=PROVIDERS)
def encoder(request: pytest.FixtureRequest, model_folder: Path) -> Iterator[Encoder]:
    made = PROVIDERS[request.param](model_folder)
    yield made
    made.close()


@pytest.fixture(scope="module")
def novel() -> str:
    words = np.random.default_rng(3).choice(["river", "stone", "night", "走", "天空", "engine", "tax", "seven"], 6000)
    return " ".join(words)[:20_000]


class TestEncoder:
    def test_names_itself(self, encoder: Encoder) -> None:
        assert encoder.name.count(":") == 1
        assert encoder.max_tokens > 0

    def test_unit_vectors_in_order(self, encoder: Encoder) -> None:
        vectors = encoder.encode(QUESTIONS)
        assert vectors.dtype == np.float32
        assert vectors.shape == (len(QUESTIONS), encoder.dimension)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_nothing_in_nothing_out(self, encoder: Encoder) -> None:
        assert encoder.encode([]).shape == (0, encoder.dimension)

    def test_same_vector_alone_and_in_any_batch(self, encoder: Encoder) -> None:
        alone = np.concatenate([encoder.encode([text]) for text in QUESTIONS])
        assert _least_cosine(alone, encoder.encode(QUESTIONS)) > SAME
        assert _least_cosine(alone[::-1], encoder.encode(QUESTIONS[::-1])) > SAME

    def test_same_vector_beside_padding(self, encoder: Encoder) -> None:
        texts = ["what is the fee" + " now" * count for count in range(12)]
        alone = np.concatenate([encoder.encode([text]) for text in texts])
        assert _least_cosine(alone, encoder.encode(texts)) > SAME

    def test_every_call_yields_the_same_bits(self, encoder: Encoder) -> None:
        assert (encoder.encode(QUESTIONS[:3]) == encoder.encode(QUESTIONS[:3])).all()

    def test_meaning(self, encoder: Encoder) -> None:
        asked, reworded, other = encoder.encode(
            ["how do I reset my password?", "I forgot my password, how can I set a new one?", "how do I bake sourdough bread?"]
        )
        assert asked @ reworded > asked @ other

    def test_meaning_across_languages(self, encoder: Encoder) -> None:
        asked, translated, other = encoder.encode(["how do I reset my password?", "如何重置我的密码？", "今天天气怎么样？"])
        assert asked @ translated > asked @ other

    def test_no_token_of_a_long_text_is_cut_off(self, encoder: Encoder, novel: str) -> None:
        whole, start = encoder.encode([novel, novel[:2000]])
        assert whole @ start < 0.999

    def test_the_last_words_of_a_long_text_count(self, encoder: Encoder, novel: str) -> None:
        text, changed = encoder.encode([novel[:4000], novel[:3900] + " an entirely different ending" * 4])
        assert text @ changed < SAME

    def test_a_long_text_has_one_vector(self, encoder: Encoder, novel: str) -> None:
        (alone,) = encoder.encode([novel[:4000]])
        assert encoder.encode(["short", novel[:4000], "also short"])[1] @ alone > SAME


@pytest_asyncio.fixture
async def embedder(e5_encoder: OnnxEncoder, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Embedder]:
    monkeypatch.setattr(e5_encoder, "close", lambda: None)  # other tests use it, too
    batcher = Batcher(e5_encoder, workers=2)
    yield batcher
    await batcher.close()


class TestEmbedder:
    async def test_as_its_encoder(self, embedder: Embedder, e5_encoder: Encoder) -> None:
        assert (embedder.name, embedder.dimension) == (e5_encoder.name, e5_encoder.dimension)
        assert _least_cosine(await embedder.embed(QUESTIONS), e5_encoder.encode(QUESTIONS)) > SAME

    async def test_nothing_in_nothing_out(self, embedder: Embedder) -> None:
        assert (await embedder.embed([])).shape == (0, embedder.dimension)

    async def test_repeated_texts(self, embedder: Embedder) -> None:
        one, other, again = await embedder.embed(["one", "other", "one"])
        assert (one == again).all()
        assert one @ other < SAME

    async def test_many_callers(self, embedder: Embedder, e5_encoder: Encoder) -> None:
        texts = [f"{question} {number}" for number in range(4) for question in QUESTIONS[:8]]
        answers = await asyncio.gather(*(embedder.embed([text]) for text in texts))
        assert _least_cosine(np.concatenate(answers), e5_encoder.encode(texts)) > SAME

    async def test_one_callers_array_is_its_own(self, embedder: Embedder) -> None:
        first = await embedder.embed(["shared"])
        kept = first.copy()
        first[:] = 0
        assert (await embedder.embed(["shared"]) == kept).all()

    async def test_closed(self, embedder: Embedder) -> None:
        await embedder.close()
        with pytest.raises(EmbedderUnavailable, match="closed"):
            await embedder.embed(["late"])


def _least_cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float((one * other).sum(axis=1).min())
