"""A model folder whose vectors can be worked out by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from embedding.folder import CONFIG, MODEL, TOKENIZER

WORDS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "ask", "red", "green", "blue", "lost")
TABLE = np.eye(len(WORDS), 8, dtype=np.float32)
"""The vector of each word but the last, which has none: the runtime fails on it."""


class TinyModel:
    """A model folder that looks words up in a table; its state is word vector + 0.5 x vector of type 0, nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        (path / MODEL).write_bytes(_lookup())
        (path / TOKENIZER).write_text(_words())
        self.configure()

    def configure(self, **changes: Any) -> Path:
        config = {"name": "tiny", "dimension": 8, "max_tokens": 8, "pooling": "mean", "prefix": ""} | changes
        (self.path / CONFIG).write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
        return self.path


def _lookup() -> bytes:
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Gather", ["types", "token_type_ids"], ["kinds"]),
        helper.make_node("Add", ["words", "kinds"], ["states"]),
    ]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "s"]) for n in ("input_ids", "attention_mask", "token_type_ids")]
    outputs = [helper.make_tensor_value_info("states", TensorProto.FLOAT, ["b", "s", 8])]
    types = np.stack([0.5 * TABLE[0], 9 * TABLE[0]])
    tables = [numpy_helper.from_array(TABLE[:-1], "table"), numpy_helper.from_array(types, "types")]
    graph = helper.make_graph(nodes, "lookup", inputs, outputs, tables)
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _words() -> str:
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    tokenizer.add_special_tokens(["[PAD]", "[CLS]", "[SEP]", "[UNK]"])
    tokenizer.enable_truncation(3)
    return str(tokenizer.to_str())
