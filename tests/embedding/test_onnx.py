import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from embedding.errors import EmbedderUnavailable, ModelFilesError
from embedding.folder import MODEL, TOKENIZER
from embedding.onnx import BATCH_PADDING, BATCH_TOKENS, OnnxEncoder, batches
from tests.embedding.tiny_model import TinyModel

PAD, CLS, SEP, ASK, RED, GREEN, BLUE = 0, 1, 2, 4, 5, 6, 7


def directions(**weights: float) -> np.ndarray:
    """The unit vector of a tiny model's state with these weights of its words."""
    places = {"type": PAD, "cls": CLS, "sep": SEP, "ask": ASK, "red": RED, "green": GREEN, "blue": BLUE}
    vector = np.zeros(8)
    for word, weight in weights.items():
        vector[places[word]] = weight
    return vector / np.linalg.norm(vector)


def test_mean_over_the_tokens_without_the_padding(tiny: TinyModel) -> None:
    encoder = OnnxEncoder(tiny.path)
    vectors = encoder.encode(["red red red", "red", "red green"])
    expected = [
        directions(type=2.5, cls=1, sep=1, red=3),
        directions(type=1.5, cls=1, sep=1, red=1),
        directions(type=2, cls=1, sep=1, red=1, green=1),
    ]
    np.testing.assert_allclose(vectors, expected, atol=1e-6)


def test_cls_is_the_first_token(tiny: TinyModel) -> None:
    encoder = OnnxEncoder(tiny.configure(pooling="cls"))
    np.testing.assert_allclose(encoder.encode(["red", "red green blue"]), [directions(type=0.5, cls=1)] * 2, atol=1e-6)


def test_prefix_comes_before_every_window(tiny: TinyModel) -> None:
    encoder = OnnxEncoder(tiny.configure(prefix="ask ", max_tokens=5))
    window = {"type": 2.5, "cls": 1, "ask": 1, "sep": 1}
    one, two = directions(**window, red=2), directions(**window, green=2)
    pooled = one + two
    np.testing.assert_allclose(encoder.encode(["red red", "red red green green"]), [one, pooled / np.linalg.norm(pooled)], atol=1e-6)


def test_truncation_written_in_the_tokenizer_is_not_done(tiny: TinyModel) -> None:
    (vector,) = OnnxEncoder(tiny.path).encode(["red green blue"])
    assert (vector[[RED, GREEN, BLUE]] > 0).all()


def test_no_texts(tiny: TinyModel) -> None:
    assert OnnxEncoder(tiny.path).encode([]).shape == (0, 8)


def test_identity(tiny: TinyModel) -> None:
    encoder = OnnxEncoder(tiny.path)
    assert (encoder.name, encoder.dimension, encoder.max_tokens) == ("onnx:tiny", 8, 8)


def test_the_runtime_fails(tiny: TinyModel) -> None:
    encoder = OnnxEncoder(tiny.path)
    with pytest.raises(EmbedderUnavailable, match="onnx:tiny failed on 1 x 3 tokens"):
        encoder.encode(["lost"])
    assert encoder.encode(["red"]).shape == (1, 8)


def test_closed(tiny: TinyModel) -> None:
    encoder = OnnxEncoder(tiny.path)
    encoder.close()
    encoder.close()
    with pytest.raises(EmbedderUnavailable, match="onnx:tiny is closed"):
        encoder.encode(["red"])


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match=r"cannot read .*config.json: No such file"):
        OnnxEncoder(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (MODEL, b"not a graph", "is not a model that onnxruntime can load"),
        (MODEL, b"", "is not a model that onnxruntime can load"),
        (TOKENIZER, b"{}", "is not a tokenizer.json"),
        (TOKENIZER, b"\xff", "is not a tokenizer.json"),
    ],
)
def test_damaged_file_that_no_hash_covers(tiny: TinyModel, name: str, data: bytes, message: str) -> None:
    (tiny.path / name).write_bytes(data)
    with pytest.raises(ModelFilesError, match=message):
        OnnxEncoder(tiny.path)


def test_dimension_that_is_not_the_models(tiny: TinyModel) -> None:
    with pytest.raises(ModelFilesError, match=r"does not yield \[batch, tokens, 9\]"):
        OnnxEncoder(tiny.configure(dimension=9))


def test_no_room_beside_the_prefix(tiny: TinyModel) -> None:
    with pytest.raises(ModelFilesError, match="max_tokens 3 leaves no room"):
        OnnxEncoder(tiny.configure(max_tokens=3, prefix="ask "))


@pytest.mark.parametrize(("old", "new"), [("attention_mask", "mask"), ("token_type_ids", "position_ids")])
def test_inputs_of_another_kind_of_model(tiny: TinyModel, old: str, new: str) -> None:
    model = onnx.load(tiny.path / MODEL)
    for item in model.graph.input:
        item.name = new if item.name == old else item.name
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
    onnx.save(model, tiny.path / MODEL)
    with pytest.raises(ModelFilesError, match=rf"has inputs .*{new}.*, expected"):
        OnnxEncoder(tiny.path)


def test_batches_hold_every_row_once_within_their_bounds() -> None:
    lengths = list(np.random.default_rng(5).integers(5, 513, 300))
    found = list(batches(lengths))
    assert sorted(row for rows in found for row in rows) == list(range(300))
    for rows in found:
        width = max(lengths[row] for row in rows)
        assert len(rows) * width <= BATCH_TOKENS
        assert sum(width - lengths[row] for row in rows) <= BATCH_PADDING * width * len(rows)


def test_a_row_over_the_bound_runs_alone() -> None:
    assert list(batches([BATCH_TOKENS + 1, BATCH_TOKENS + 1])) == [[0], [1]]


def test_threads_of_one_forward_pass_do_not_change_the_vector(model_folder: Path, e5_encoder: OnnxEncoder) -> None:
    other = OnnxEncoder(model_folder, threads=2)
    text = ["does it matter how many threads there are?"]
    assert float((other.encode(text) * e5_encoder.encode(text)).sum()) > 0.99999


def test_many_callers_at_once(e5_encoder: OnnxEncoder) -> None:
    texts = [f"question number {number}" + " and so on" * number for number in range(8)]
    alone = np.concatenate([e5_encoder.encode([text]) for text in texts])
    together = threading.Barrier(4)

    def caller(_number: int) -> np.ndarray:
        together.wait()
        return e5_encoder.encode(texts)

    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(caller, range(4)):
            assert (vectors * alone).sum(axis=1).min() > 0.99999
