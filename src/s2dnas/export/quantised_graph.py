"""A float32 graph with its convolutions and linear layers in int8, calibrated on images."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from s2dnas.errors import ModelError
from s2dnas.graph.calls import failure
from s2dnas.runtime.whole_graph import producers
from s2dnas.values import IMAGE

if TYPE_CHECKING:
    import onnx

_WITH_WEIGHTS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_MOVING = {
    "Concat",
    "Flatten",
    "Gather",
    "MaxPool",
    "Pad",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
}
_COMPUTING = {"Add", "AveragePool", "Clip", "GlobalAveragePool", "LeakyRelu", "Mul", "Relu", "Sigmoid"}
_IN_INT8 = sorted({"Conv", "Gemm", "MatMul"} | _MOVING | _COMPUTING)
"""What onnxruntime computes on 8 bits. Of others, such as norms, quantised weights would only cost accuracy."""

_BATCH = 32


def quantised_graph(model: "onnx.ModelProto", images: npt.NDArray[np.float32]) -> "onnx.ModelProto":
    """The graph with activations in uint8 and weights in int8, as onnxruntime's static quantisation writes it (QDQ).

    ``images`` (N, C, H, W) say which ranges activations have: from the least to the greatest value. Weights have a
    scale per output channel, and 7 bits: without VNNI, x86 adds two products in 16 bits, where 8 bits saturate.
    What follows the last layer with weights, logits and scores, stays float. Raises ModelError if onnxruntime cannot.
    """
    import onnx
    import onnxruntime
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    given = onnx.ModelProto()
    given.CopyFrom(model)
    add_pre_process_metadata(given)  # else it warns: norms are folded already, and it infers shapes itself
    with TemporaryDirectory() as folder:
        path = Path(folder) / "quantised.onnx"
        try:
            with _quiet():
                _quantise_static(given, path, images, _tail(model))
        except Exception as error:  # it has no family of errors
            raise ModelError(
                f"onnxruntime {onnxruntime.__version__} cannot quantise the graph ({failure(error)}); "
                "use the bundle in float32"
            ) from error
        quantised = onnx.load(path)
    del quantised.metadata_props[:]
    return quantised


def _quantise_static(model: "onnx.ModelProto", path: Path, images: npt.NDArray[np.float32], floats: list[str]) -> None:
    from onnxruntime import quantization

    quantization.quantize_static(
        model,
        path,
        _Reader(images),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        reduce_range=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        op_types_to_quantize=_IN_INT8,
        nodes_to_exclude=floats,
        extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},  # they make logits
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """It warns by the root logger, which would also set that up where the program has not."""
    root, handler = logging.getLogger(), logging.NullHandler()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


class _Reader:
    """Calibration images as onnxruntime asks for them, batch by batch, None at the end."""

    def __init__(self, images: npt.NDArray[np.float32]) -> None:
        self._batches = self._cut(images)

    @staticmethod
    def _cut(images: npt.NDArray[np.float32]) -> Iterator[dict[str, npt.NDArray[np.float32]]]:
        for start in range(0, len(images), _BATCH):
            yield {IMAGE: images[start : start + _BATCH]}

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        return next(self._batches, None)


def _tail(model: "onnx.ModelProto") -> list[str]:
    """The names of nodes that no layer with weights depends on."""
    made_by = producers(model.graph.node)
    waiting = [node for node in model.graph.node if node.op_type in _WITH_WEIGHTS]
    needed: set[str] = set()
    while waiting:
        node = waiting.pop()
        if node.name not in needed:
            needed.add(node.name)
            waiting += [made_by[name] for name in node.input if name in made_by]
    return [node.name for node in model.graph.node if node.name not in needed]
