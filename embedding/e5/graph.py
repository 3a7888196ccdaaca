"""The transformer as an ONNX graph: 4-bit embedding table, 8-bit matrix products, everything else float32.

Activations are quantised per token, never per tensor: a tensor's scale depends on what else is in the batch, and then so
would the vector of a text.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from embedding.e5.checkpoint import BLOCK, NIBBLE_ZERO, Checkpoint

OPSET = 17
IR_VERSION = 10
_FUSED = "com.microsoft"

# A few channels of this model run 5 to 20 times higher than the rest and would take the 8 bits for themselves. They are
# divided by 4 before quantisation and their weights multiplied by 4: cosine to the float32 model rises from 0.9992 to 0.9997.
_LOUD_CHANNELS = (15, 35, 60, 87, 321)
_LOUD_FACTOR = np.float32(4)

# Processors without VNNI add two products in 16 bits and clip some 5 of 100,000 sums: the cosine there is 0.9995, by calculation.
# Fewer levels would avoid that and cost everyone else as much.
_LEVELS = 127
_ZERO = 128
# GELU never goes under -0.17, so its 8 bits are spent on the positive side: 32 steps below zero, 223 above.
_GELU_LOWEST = 0.17
_GELU_BELOW = 32
_GELU_ABOVE = 255 - _GELU_BELOW


def model_bytes(checkpoint: Checkpoint) -> bytes:
    """The serialised model: (input_ids, attention_mask) int64 [batch, tokens] -> last_hidden_state float32 [batch, tokens, hidden].

    The bytes depend on the checkpoint, on this module, and on onnx and protobuf writing fields in order of number.
    """
    builder = _Builder(checkpoint)
    builder.transformer()
    shape = ["batch", "tokens"]
    graph = helper.make_graph(
        builder.nodes,
        "multilingual-e5-small",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, checkpoint.shape.hidden])],
        builder.constants,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_FUSED, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="mcserver")
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class _Builder:
    """Appends nodes and constants; every method returns the name of the value it has produced."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.shape = checkpoint.shape
        self.floats = checkpoint.floats
        self.quantised = checkpoint.quantised
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def parameter(self, name: str) -> str:
        return self.constant(name, self.floats[name])

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def fused(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        return self.node(op, inputs, output, domain=_FUSED, **attributes)

    def transformer(self) -> None:
        """Post-norm BERT encoder, GELU by erf."""
        self.shared()
        state = self.embeddings()
        for index in range(self.shape.layers):
            state = self.layer(state, f"l{index}")
        self.node("Identity", [state], "last_hidden_state")

    def shared(self) -> None:
        """Constants that all layers use, and the mask as the attention operator wants it."""
        quieten = np.ones(self.shape.hidden, np.float32)
        quieten[list(_LOUD_CHANNELS)] /= _LOUD_FACTOR
        self.constant("quieten", quieten)
        self.constant("one", np.float32(1))
        self.constant("zero", np.uint8(_ZERO))
        self.constant("step", np.float32(1 / _LEVELS))
        self.constant("gelu.zero", np.uint8(_GELU_BELOW))
        self.constant("gelu.step", np.float32(1 / _GELU_ABOVE))
        self.constant("gelu.least", np.float32(_GELU_LOWEST / _GELU_BELOW))
        self.node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)

    def embeddings(self) -> str:
        table = self.quantised["emb.word"]
        signed = table.values ^ np.uint8(NIBBLE_ZERO)  # in four bits: two's complement of value - 8
        packed = signed[:, 0::2] | signed[:, 1::2] << 4
        self.constants.append(helper.make_tensor("emb.word", TensorProto.INT4, table.values.shape, packed.tobytes(), raw=True))
        inputs = ["emb.word", "input_ids", self.constant("emb.word.scale", table.scales)]
        words = self.fused("GatherBlockQuantized", inputs, "words", gather_axis=0, quantize_axis=1, block_size=BLOCK)
        total = self.node("Add", [words, self.positions()], "summed")
        return self.node("LayerNormalization", [total, *self.norm("emb.ln")], "embedded", axis=-1, epsilon=self.shape.epsilon)

    def positions(self) -> str:
        hidden = self.shape.hidden
        table = self.floats["emb.pos"].reshape(-1, hidden) + self.floats["emb.type"][:hidden]
        axis, start = self.constant("axis", np.array([0])), self.constant("start", np.array([0]))
        length = self.node("Shape", ["input_ids"], "length", start=1, end=2)
        return self.node("Slice", [self.constant("emb.pos", table), start, length, axis], "positions")

    def norm(self, name: str) -> list[str]:
        return [self.parameter(f"{name}.w"), self.parameter(f"{name}.b")]

    def layer(self, state: str, name: str) -> str:
        mixed = self.residual(self.attention(state, name), state, f"{name}.ao.b", f"{name}.aln")
        return self.residual(self.feed_forward(mixed, name), mixed, f"{name}.fo.b", f"{name}.oln")

    def residual(self, value: str, skip: str, bias: str, norm: str) -> str:
        inputs = [value, skip, *self.norm(norm), self.parameter(bias)]
        return self.fused("SkipLayerNormalization", inputs, f"{norm}.out", epsilon=self.shape.epsilon)

    def attention(self, state: str, name: str) -> str:
        parts = [f"{name}.{part}" for part in "qkv"]
        levels = self.quietened_levels(state)
        inputs = [self.product(levels, state, part, quietened=True) for part in parts]
        bias = self.constant(f"{name}.qkv.b", np.concatenate([self.floats[f"{part}.b"] for part in parts]))
        mixed = self.fused("MultiHeadAttention", [*inputs, bias, "mask"], f"{name}.mixed", num_heads=self.shape.heads)
        return self.product(self.levels(mixed, mixed), mixed, f"{name}.ao")

    def feed_forward(self, state: str, name: str) -> str:
        wide = self.product(self.quietened_levels(state), state, f"{name}.fi", quietened=True)
        active = self.fused("BiasGelu", [wide, self.parameter(f"{name}.fi.b")], f"{name}.active")
        return self.product(self.gelu_levels(active), active, f"{name}.fo", zero="gelu.zero")

    def quietened_levels(self, state: str) -> str:
        return self.levels(self.node("Mul", [state, "quieten"], f"{state}.quiet"), state)

    def levels(self, value: str, name: str) -> str:
        """uint8 levels of `value` around 128; float32 step of each token as `{name}.step`."""
        size = self.node("Abs", [value], f"{name}.abs")
        largest = self.node("ReduceMax", [size], f"{name}.max", axes=[-1], keepdims=1)
        step = self.node("Mul", [largest, "step"], f"{name}.step")
        return self.quantise(value, step, name, "zero")

    def gelu_levels(self, value: str) -> str:
        largest = self.node("ReduceMax", [value], f"{value}.max", axes=[-1], keepdims=1)
        wanted = self.node("Mul", [largest, "gelu.step"], f"{value}.wanted")
        step = self.node("Max", [wanted, "gelu.least"], f"{value}.step")
        return self.quantise(value, step, value, "gelu.zero")

    def quantise(self, value: str, step: str, name: str, zero: str) -> str:
        scaled = self.node("Div", [value, step], f"{name}.scaled")
        return self.node("QuantizeLinear", [scaled, "one", zero], f"{name}.levels")

    def product(self, levels: str, source: str, name: str, *, quietened: bool = False, zero: str = "zero") -> str:
        """Levels times weights [outputs, inputs], brought back to float32 by the steps of the tokens and of the outputs."""
        weights = self.quantised[f"{name}.w"].dequantised()
        if quietened:
            weights[:, list(_LOUD_CHANNELS)] *= _LOUD_FACTOR
        steps = np.abs(weights).max(axis=1) / np.float32(_LEVELS)
        rounded = np.rint(weights / steps[:, None]).astype(np.int8)
        inputs = [levels, self.constant(f"{name}.w", rounded.T), "one", self.constant(f"{name}.steps", steps), zero]
        raw = self.fused("MatMulIntegerToFloat", inputs, f"{name}.raw")
        return self.node("Mul", [raw, f"{source}.step"], f"{name}.out")
