"""The bare runtime computes what the server's encoder computes, and times it."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from embedding.onnx import OnnxEncoder
from mcserver.bench.__main__ import MODEL_FOLDER
from mcserver.bench.processes import ProgramError
from mcserver.bench.runtime import BATCHES, Runtime, RuntimeProcess, serve
from mcserver.bench.texts import Texts

pytestmark = pytest.mark.skipif(not (MODEL_FOLDER / "model.onnx").exists(), reason="the default model is not built yet")

TEXTS = Texts(10).reworded(20)


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime(MODEL_FOLDER, threads=1)


def test_same_vectors_as_the_server(runtime: Runtime) -> None:
    assert np.allclose(runtime.embed(runtime.tokenize(TEXTS)), OnnxEncoder(MODEL_FOLDER, threads=1).encode(TEXTS), atol=1e-5)


def test_serves_orders_until_its_input_ends(runtime: Runtime) -> None:
    orders = [json.dumps({"texts": TEXTS, "batch": 8}), json.dumps({"texts": TEXTS[:3], "batch": None})]
    answers = io.StringIO()
    serve(runtime, orders, answers)
    (seconds, processor), (each, _) = map(json.loads, answers.getvalue().splitlines())
    assert seconds > 0
    assert processor > 0
    assert len(each) == 3
    assert all(one > 0 for one in each)


def test_in_a_process_of_its_own() -> None:
    with RuntimeProcess(MODEL_FOLDER, threads=1) as process:
        cost = process.batches(TEXTS, batch=4)
        assert (cost.texts, cost.each) == (20, ())
        assert cost.seconds > 0
        alone = process.one_by_one(TEXTS[:5])
        assert len(alone.each) == 5
        assert alone.seconds == sum(alone.each)
        best = process.best_batches(TEXTS[:4])
        assert len(set(best) & set(BATCHES)) == 2
        assert process.fastest(TEXTS[:4], best).rate > 0


def test_a_process_that_ended_is_told(tmp_path: Path) -> None:
    with (
        RuntimeProcess(tmp_path / "no-model", threads=1) as process,
        pytest.raises(ProgramError, match=r"runtime ended: .*no-model"),
    ):
        process.batches(TEXTS, batch=4)
