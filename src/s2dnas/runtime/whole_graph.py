"""All stages as one ONNX graph, for what must see all values at once; it needs ``onnx``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s2dnas.runtime.bundle import Bundle

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, eq=False)
class WholeGraph:
    """Stages one after the other: images in, what stages answer out; values that they exchange keep their names.

    ``owners`` says of each node, by its name, which stage (from 0) it comes from.
    """

    model: "onnx.ModelProto"
    owners: Mapping[str, int]


def whole_graph(bundle: Bundle) -> WholeGraph:
    """The graph of a bundle's stages, checked. Raises ArtifactError if a file of it is damaged."""
    import onnx

    files = bundle.manifest.stages
    answers = [name for index in range(len(files)) for name in bundle.manifest.answers(index)]
    whole = joined_stages([bundle.graph(file) for file in files], answers)
    onnx.checker.check_model(whole.model, full_check=True)
    return whole


def joined_stages(stages: Sequence[bytes], outputs: Sequence[str]) -> WholeGraph:
    """One graph of the ONNX files of stages, with some of all that they give as ``outputs``."""
    from onnx import helper

    models = [own_graph(content, f"{number}:") for number, content in enumerate(stages, start=1)]
    graphs = [model.graph for model in models]
    given = {value.name: value for graph in graphs for value in graph.output}
    inputs = {value.name: value for graph in graphs for value in graph.input if value.name not in given}
    graph = helper.make_graph(
        [node for graph in graphs for node in graph.node],
        "stages",
        list(inputs.values()),
        [given[name] for name in outputs],
        [tensor for graph in graphs for tensor in graph.initializer],
    )
    opsets = {opset.domain: opset for model in models for opset in model.opset_import}
    version = max(model.ir_version for model in models)
    model = helper.make_model(graph, opset_imports=list(opsets.values()), ir_version=version)
    return WholeGraph(model, {node.name: index for index, graph in enumerate(graphs) for node in graph.node})


def own_graph(content: bytes, prefix: str) -> "onnx.ModelProto":
    """An ONNX file whose nodes and tensors, inputs and outputs apart, have names that begin with ``prefix``.

    Exporters leave nodes unnamed, and let layers whose weights are equal share them: here none does.
    """
    import onnx
    from onnx import compose, inliner

    model = inliner.inline_local_functions(onnx.load_from_string(content))
    _unshare(model.graph)
    compose.add_prefix_graph(model.graph, prefix, rename_inputs=False, rename_outputs=False, inplace=True)
    for number, node in enumerate(model.graph.node):
        node.name = f"{prefix}{number}:{node.op_type}"
    return model


def producers(nodes: Iterable["onnx.NodeProto"]) -> dict[str, "onnx.NodeProto"]:
    """Which node makes a tensor, by the tensor's name."""
    return {name: node for node in nodes for name in node.output}


def _unshare(graph: "onnx.GraphProto") -> None:
    """Put a constant in the place of each node that only hands one on, under the name that the node gave it."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    outputs = {value.name for value in graph.output}
    for node in list(graph.node):
        if node.op_type == "Identity" and node.input[0] in constants and node.output[0] not in outputs:
            graph.initializer.add().CopyFrom(constants[node.input[0]])
            graph.initializer[-1].name = node.output[0]
            constants[node.output[0]] = graph.initializer[-1]
            graph.node.remove(node)
