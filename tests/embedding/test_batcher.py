import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
import pytest
import pytest_asyncio

from embedding.batcher import BATCH_TOKENS, Batcher
from embedding.errors import EmbedderOverloaded, EmbedderUnavailable, ModelFilesError
from embedding.seam import Vectors
from embedding.waiting import TOKEN_BYTES

pytestmark = pytest.mark.timeout(30)

SHORT, LONG = "short", "long" * 100


class Gated:
    """An encoder whose batches wait for the test: what it computes is its input's first letter, how it fails is the test's choice."""

    name = "test:gated"
    dimension = 4
    max_tokens = 16

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)
        self.faults: dict[str, Callable[[Vectors], Vectors]] = {}
        self.closings = 0

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        self.entered.release()
        self.open.wait()
        vectors = np.array([[ord(text[0]), len(text), 0, 1] for text in texts], np.float32)
        for text in texts:
            if text in self.faults:
                vectors = self.faults[text](vectors)
        return vectors

    def close(self) -> None:
        self.closings += 1


@pytest.fixture
def encoder() -> Gated:
    return Gated()


@pytest_asyncio.fixture
async def batcher(encoder: Gated) -> AsyncIterator[Batcher]:
    made = Batcher(encoder, queue_limit=4, queue_characters=1000)
    yield made
    encoder.open.set()
    await made.close()


async def ask(batcher: Batcher, *texts: str) -> asyncio.Task[Vectors]:
    """A call that has put its texts into the queue."""
    task = asyncio.create_task(batcher.embed(texts))
    await asyncio.sleep(0)
    return task


async def running(encoder: Gated) -> None:
    """Once a batch has begun that nobody has waited for yet."""
    await asyncio.to_thread(encoder.entered.acquire)


async def busy(batcher: Batcher, encoder: Gated, text: str = "first") -> asyncio.Task[Vectors]:
    """A call whose batch is with the worker."""
    task = await ask(batcher, text)
    await running(encoder)
    return task


def first_letters(vectors: Vectors) -> str:
    return "".join(chr(int(vector[0])) for vector in vectors)


class TestBatches:
    async def test_all_who_ask_in_one_round_are_one_batch(self, batcher: Batcher, encoder: Gated) -> None:
        encoder.open.set()
        answers = await asyncio.gather(*(batcher.embed([text]) for text in "abc"))
        assert [first_letters(answer) for answer in answers] == ["a", "b", "c"]
        assert encoder.batches == [["a", "b", "c"]]

    async def test_what_arrives_while_one_runs_is_the_next(self, batcher: Batcher, encoder: Gated) -> None:
        first = await busy(batcher, encoder)
        others = [await ask(batcher, text) for text in ("x", "y")]
        encoder.open.set()
        await asyncio.gather(first, *others)
        assert encoder.batches == [["first"], ["x", "y"]]

    async def test_a_long_text_waits_for_short_ones(self, batcher: Batcher, encoder: Gated) -> None:
        first = await busy(batcher, encoder)
        others = [await ask(batcher, text) for text in (LONG, SHORT)]
        encoder.open.set()
        await asyncio.gather(first, *others)
        assert encoder.batches == [["first"], [SHORT], [LONG]]

    async def test_batches_are_bounded(self, encoder: Gated) -> None:
        batcher = Batcher(encoder)
        encoder.open.set()
        texts = [chr(ord("a") + number) * TOKEN_BYTES * 15 for number in range(26)]
        assert first_letters(await batcher.embed(texts)) == "abcdefghijklmnopqrstuvwxyz"
        assert [len(batch) for batch in encoder.batches] == [BATCH_TOKENS // 16, 26 - BATCH_TOKENS // 16]
        await batcher.close()

    async def test_idle_workers_share_the_work(self, encoder: Gated) -> None:
        batcher = Batcher(encoder, workers=2)
        task = await ask(batcher, *"abcd")
        await running(encoder)
        await running(encoder)
        assert batcher.statistics().running == 2
        encoder.open.set()
        assert first_letters(await task) == "abcd"
        assert sorted(encoder.batches) == [["a", "b"], ["c", "d"]]
        await batcher.close()


class TestSharing:
    async def test_same_text_waits_once(self, batcher: Batcher, encoder: Gated) -> None:
        first = await busy(batcher, encoder)
        others = [await ask(batcher, "same", text) for text in ("x", "y", "same")]
        encoder.open.set()
        answers = await asyncio.gather(*others)
        assert [first_letters(answer) for answer in answers] == ["sx", "sy", "ss"]
        assert encoder.batches[1:] == [["same", "x", "y"]]
        assert batcher.statistics().shared == 3
        await first

    async def test_same_text_as_one_that_runs(self, batcher: Batcher, encoder: Gated) -> None:
        first = await busy(batcher, encoder, "same")
        second = await ask(batcher, "same")
        encoder.open.set()
        assert first_letters(await first) == first_letters(await second) == "s"
        assert encoder.batches == [["same"]]

    async def test_a_text_of_a_moment_ago_is_remembered(self, batcher: Batcher, encoder: Gated) -> None:
        encoder.open.set()
        await batcher.embed(["asked"])
        assert first_letters(await batcher.embed(["new", "asked"])) == "na"
        assert encoder.batches == [["asked"], ["new"]]
        assert batcher.statistics().cached == 1

    async def test_no_memory(self, encoder: Gated) -> None:
        batcher = Batcher(encoder, cache_bytes=0)
        encoder.open.set()
        await batcher.embed(["asked"])
        await batcher.embed(["asked"])
        assert encoder.batches == [["asked"], ["asked"]]
        await batcher.close()


class TestBounds:
    async def test_too_many_texts(self, batcher: Batcher, encoder: Gated) -> None:
        first = await busy(batcher, encoder)
        waits = await ask(batcher, *"abc")
        with pytest.raises(EmbedderOverloaded, match="3 texts wait, 2 more would be over the limit of 4"):
            await batcher.embed(["d", "e"])
        assert (batcher.statistics().queued, batcher.statistics().rejected) == (3, 2)
        encoder.open.set()
        await asyncio.gather(first, waits)
        assert encoder.batches == [["first"], ["a", "b", "c"]]

    async def test_too_many_characters(self, batcher: Batcher, encoder: Gated) -> None:
        first = await busy(batcher, encoder)
        waits = await ask(batcher, "a" * 600)
        with pytest.raises(EmbedderOverloaded, match="600 characters wait, 401 more would be over the limit of 1000"):
            await batcher.embed(["b" * 401])
        assert batcher.statistics().queued_characters == 600
        encoder.open.set()
        await asyncio.gather(first, waits)

    async def test_what_waits_already_takes_no_more_room(self, batcher: Batcher, encoder: Gated) -> None:
        first = await busy(batcher, encoder)
        waits = [await ask(batcher, *"abcd"), await ask(batcher, *"abcd", "first")]
        encoder.open.set()
        assert [first_letters(answer) for answer in await asyncio.gather(*waits)] == ["abcd", "abcdf"]
        await first


class TestCancellation:
    async def test_others_still_get_their_vector(self, batcher: Batcher, encoder: Gated) -> None:
        first = await busy(batcher, encoder)
        leaves, stays = await ask(batcher, "same", "mine"), await ask(batcher, "same")
        leaves.cancel()
        await asyncio.wait([leaves])
        encoder.open.set()
        assert first_letters(await stays) == "s"
        assert encoder.batches == [["first"], ["same"]]
        await first

    async def test_a_text_nobody_waits_for_is_dropped(self, batcher: Batcher, encoder: Gated) -> None:
        first = await busy(batcher, encoder)
        leaves = await ask(batcher, "mine", "mine")
        leaves.cancel()
        await asyncio.wait([leaves])
        assert leaves.cancelled()
        assert batcher.statistics().queued == 0
        encoder.open.set()
        await first
        assert first_letters(await batcher.embed(["mine"])) == "m"
        assert encoder.batches == [["first"], ["mine"]]

    async def test_a_text_that_runs_is_remembered_nonetheless(self, batcher: Batcher, encoder: Gated) -> None:
        first = await busy(batcher, encoder)
        first.cancel()
        await asyncio.wait([first])
        encoder.open.set()
        await batcher.embed(["second"])
        await batcher.embed(["first"])
        assert encoder.batches == [["first"], ["second"]]


def _raise(error: Exception) -> Callable[[Vectors], Vectors]:
    def fault(_vectors: Vectors) -> Vectors:
        raise error

    return fault


class TestFailure:
    @pytest.mark.parametrize(
        ("fault", "message"),
        [
            (_raise(RuntimeError("out of memory")), r"test:gated failed: RuntimeError\('out of memory'\)"),
            (_raise(EmbedderUnavailable("gone")), "gone"),
            (lambda vectors: vectors * np.nan, "not finite"),
            (lambda vectors: vectors / 0, "not finite"),
            (lambda vectors: vectors[:-1], r"answered \(\d, 4\), expected"),
            (lambda vectors: vectors[:, :3], r"answered \(\d, 3\), expected"),
            (lambda vectors: vectors.tolist(), "answered list, expected"),
        ],
    )
    @pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
    async def test_one_text_fails_alone(self, batcher: Batcher, encoder: Gated, fault: Callable[[Vectors], Vectors], message: str) -> None:
        encoder.faults["bad"] = fault
        encoder.open.set()
        answers = await asyncio.gather(*(batcher.embed([text]) for text in ("good", "bad", "well")), return_exceptions=True)
        assert isinstance(answers[1], EmbedderUnavailable)
        with pytest.raises(EmbedderUnavailable, match=message):
            raise answers[1]
        assert [first_letters(answer) for answer in (answers[0], answers[2]) if isinstance(answer, np.ndarray)] == ["g", "w"]
        assert encoder.batches == [["good", "bad", "well"], ["good"], ["bad"], ["well"]]
        assert batcher.statistics().failed == 1

    async def test_a_fault_that_passes_leaves_no_trace(self, batcher: Batcher, encoder: Gated) -> None:
        def once(_vectors: Vectors) -> Vectors:
            encoder.faults.clear()
            raise RuntimeError("hiccup")

        encoder.faults["a"] = once
        encoder.open.set()
        assert first_letters(await batcher.embed(["a", "b"])) == "ab"
        assert batcher.statistics().failed == 0

    async def test_a_failed_text_is_not_remembered(self, batcher: Batcher, encoder: Gated) -> None:
        encoder.faults["bad"] = _raise(RuntimeError("first time"))
        encoder.open.set()
        with pytest.raises(EmbedderUnavailable, match="first time"):
            await batcher.embed(["good", "bad"])
        encoder.faults.clear()
        assert first_letters(await batcher.embed(["bad", "good"])) == "bg"
        assert encoder.batches[-1] == ["bad"]

    async def test_a_call_with_several_failures_hears_of_one(self, batcher: Batcher, encoder: Gated) -> None:
        encoder.faults = {"a": _raise(RuntimeError("a")), "b": _raise(RuntimeError("b"))}
        encoder.open.set()
        with pytest.raises(EmbedderUnavailable, match="'a'"):
            await batcher.embed(["a", "b"])

    async def test_other_errors_of_this_room_stay_what_they_are(self, batcher: Batcher, encoder: Gated) -> None:
        encoder.faults["a"] = _raise(ModelFilesError("weights gone"))
        encoder.open.set()
        with pytest.raises(EmbedderUnavailable, match="weights gone"):
            await batcher.embed(["a"])


class TestClose:
    async def test_what_runs_is_finished_and_what_waits_fails(self, batcher: Batcher, encoder: Gated) -> None:
        first = await busy(batcher, encoder)
        waits = await ask(batcher, "late")
        closing = asyncio.create_task(batcher.close())
        with pytest.raises(EmbedderUnavailable, match="test:gated was closed before the text's turn"):
            await waits
        assert encoder.closings == 0
        encoder.open.set()
        await closing
        assert first_letters(await first) == "f"
        assert encoder.closings == 1
        assert encoder.batches == [["first"]]

    async def test_twice(self, batcher: Batcher, encoder: Gated) -> None:
        await batcher.close()
        await batcher.close()
        assert encoder.closings == 1
        with pytest.raises(EmbedderUnavailable, match="closed"):
            await batcher.embed([])


async def test_statistics(batcher: Batcher, encoder: Gated) -> None:
    encoder.open.set()
    await batcher.embed(["a", "b", "a"])
    await batcher.embed(["b"])
    found = batcher.statistics()
    assert (found.texts, found.cached, found.shared, found.encoded, found.batches) == (4, 1, 1, 2, 1)
    assert (found.failed, found.rejected, found.running, found.queued, found.queued_characters) == (0, 0, 0, 0, 0)
    assert found.busy_seconds > 0
