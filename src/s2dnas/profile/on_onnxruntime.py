"""Layers and stages in ONNX Runtime."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from s2dnas.export.bundling import example_values
from s2dnas.export.onnx_graph import OPSET, onnx_graph
from s2dnas.export.scored_stage import scored_stages
from s2dnas.extras import require_extra
from s2dnas.profile.engines import THREADS, ProfiledEngine
from s2dnas.profile.kernel import Kernel
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.staged.build import MultiStageNet

if TYPE_CHECKING:
    import onnx

_IR_VERSION = 9


class ProfiledOnnxruntime(ProfiledEngine):
    """Stages as they are exported, layers as graphs like theirs. Raises MissingExtraError without its libraries."""

    name = "onnxruntime"

    def __init__(self) -> None:
        require_extra("export")
        self._engine = OnnxruntimeEngine(threads=THREADS)

    def versions(self) -> Mapping[str, str]:
        """The version of ONNX Runtime."""
        return {"onnxruntime": version("onnxruntime")}

    def layer(self, kernel: Kernel, inputs: int, outputs: int, batch: int, copies: int) -> Callable[[], object]:
        """What runs layers that read the same input; each adds what the one before gives, and ends in a ReLU."""
        graph = _copies(kernel, inputs, outputs, copies)
        return self._program(graph, {"x": _noise(batch, *_sample_shape(kernel, inputs))})

    def stages(self, network: MultiStageNet, batch: int) -> Sequence[Callable[[], object]]:
        """What runs each exported stage, (S,)."""
        stages = scored_stages(network, ())
        values = example_values(stages, network.info)
        batches = {name: torch.cat([value] * (-(-batch // 2)))[:batch].numpy() for name, value in values.items()}
        return [
            self._program(
                onnx_graph(stage, [values[name] for name in stage.inputs], stage.inputs, stage.outputs, traced=True),
                {name: batches[name] for name in stage.inputs},
            )
            for stage in stages
        ]

    def _program(self, graph: "onnx.ModelProto", values: Mapping[str, npt.NDArray[Any]]) -> Callable[[], object]:
        program = self._engine.load(graph.SerializeToString())
        return program.bound(values, program.run(values))


def _copies(kernel: Kernel, inputs: int, outputs: int, copies: int) -> "onnx.ModelProto":
    from onnx import TensorProto, helper, numpy_helper

    weight = _noise(outputs, inputs if kernel.group is None else kernel.group[0], *kernel.window)
    weight = weight if kernel.window else weight.T
    nodes, tensors = [], []
    for copy in range(copies):
        own = np.ascontiguousarray(weight * np.float32(1 + copy / copies))
        tensors += [numpy_helper.from_array(own, f"w{copy}"), numpy_helper.from_array(_noise(outputs), f"b{copy}")]
        nodes += _layer(kernel, outputs, copy)
    features = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *_sample_shape(kernel, inputs)])
    result = helper.make_tensor_value_info(f"y{copies - 1}", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "copies", [features], [result], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)


def _sample_shape(kernel: Kernel, inputs: int) -> tuple[int, ...]:
    if kernel.window:
        return inputs, *kernel.size
    return (inputs,) if kernel.positions == 1 else (kernel.positions, inputs)


def _layer(kernel: Kernel, outputs: int, copy: int) -> list["onnx.NodeProto"]:
    """A layer, the sum with what the one before gave, and a ReLU: what is fused in a residual network as well."""
    from onnx import helper

    if kernel.window:
        shape: dict[str, Any] = {
            "kernel_shape": kernel.window,
            "strides": kernel.stride,
            "pads": [*kernel.padding, *kernel.padding],
            "dilations": kernel.dilation,
            "group": 1 if kernel.group is None else outputs // kernel.group[1],
        }
        nodes = [helper.make_node("Conv", ["x", f"w{copy}", f"b{copy}"], [f"a{copy}"], **shape)]
    elif kernel.positions == 1:
        nodes = [helper.make_node("Gemm", ["x", f"w{copy}", f"b{copy}"], [f"a{copy}"])]
    else:
        product = helper.make_node("MatMul", ["x", f"w{copy}"], [f"m{copy}"])
        nodes = [product, helper.make_node("Add", [f"m{copy}", f"b{copy}"], [f"a{copy}"])]
    if copy:
        nodes.append(helper.make_node("Add", [f"a{copy}", f"y{copy - 1}"], [f"s{copy}"]))
    return [*nodes, helper.make_node("Relu", [f"s{copy}" if copy else f"a{copy}"], [f"y{copy}"])]


def _noise(*shape: int) -> npt.NDArray[np.float32]:
    """Values that are neither zero nor denormal, which some processors are slow at."""
    return np.random.default_rng(0).uniform(0.1, 1.0, shape).astype(np.float32)
