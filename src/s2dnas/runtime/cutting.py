"""Stages optimised as one graph, and cut again where they hand features over.

onnxruntime computes convolutions on channels in blocks. Each stage alone brings its features back into plain layout for
the next one, which puts them into blocks again. In one graph they stay in blocks, and a cut leaves them so.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from s2dnas.errors import ArtifactError
from s2dnas.extras import require_extra
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.runtime.whole_graph import WholeGraph, joined_stages

if TYPE_CHECKING:
    import onnx


def optimised_stages(
    stages: Sequence[bytes], answers: Sequence[Sequence[str]], engine: OnnxruntimeEngine
) -> list[bytes]:
    """The ONNX files of stages as ones that are optimised already, for this version of onnxruntime and this processor.

    ``answers`` are the outputs of each stage that no other name may take: logits, scores and labels. What else the
    parts exchange is named and laid out as onnxruntime likes it. Raises ArtifactError if they cannot be taken apart,
    MissingExtraError without ``onnx``.
    """
    require_extra("runtime", "onnx")
    import onnx

    whole = joined_stages(stages, [name for names in answers for name in names])
    _refuse_inner_graphs(whole)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        engine.optimise(whole.model.SerializeToString(), str(path))
        optimised = onnx.load(path)
    typed = onnx.shape_inference.infer_shapes(whole.model).graph
    types = {value.name: value.type.tensor_type.elem_type for value in typed.value_info}
    return [part.SerializeToString() for part in _parts(optimised, answers, types)]


def _refuse_inner_graphs(whole: WholeGraph) -> None:
    """What a graph inside of a node reads is not among the node's inputs, so it could not be cut."""
    for node in whole.model.graph.node:
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise ArtifactError(f"the graph of stage {whole.owners[node.name] + 1} has graphs inside ({node.op_type})")


def _parts(
    whole: "onnx.ModelProto", answers: Sequence[Sequence[str]], types: Mapping[str, int]
) -> Iterator["onnx.ModelProto"]:
    """A part per stage: of the nodes, those that its answers need and no earlier ones."""
    from onnx import TensorProto, helper

    graph = whole.graph
    known = {value.name: value for value in (*graph.input, *graph.output)}
    stage_of = _stages_of_nodes(graph, answers)
    for stage, names in enumerate(answers):
        nodes = [node for node, owner in zip(graph.node, stage_of, strict=True) if owner == stage]
        later = [node for node, owner in zip(graph.node, stage_of, strict=True) if owner > stage]
        made = {name for node in nodes for name in node.output}
        read = dict.fromkeys(name for node in nodes for name in node.input if name)
        constants = [constant for constant in graph.initializer if constant.name in read]
        taken = [name for name in read if name not in made and name not in {constant.name for constant in constants}]
        given = dict.fromkeys([*names, *(name for node in later for name in node.input if name in made)])
        # What onnxruntime has made itself is float; if not, it refuses to load the part.
        inputs, outputs = (
            [
                known.get(name) or helper.make_tensor_value_info(name, types.get(name, TensorProto.FLOAT), None)
                for name in some
            ]
            for some in (taken, given)
        )
        part = helper.make_graph(nodes, f"stage{stage + 1}", inputs, outputs, constants)
        yield helper.make_model(part, opset_imports=whole.opset_import, ir_version=whole.ir_version)


def _stages_of_nodes(graph: "onnx.GraphProto", answers: Sequence[Sequence[str]]) -> list[int]:
    """Of each node the first stage whose answers need it."""
    maker = {name: index for index, node in enumerate(graph.node) for name in node.output}
    stage_of: dict[int, int] = {}
    for stage, names in enumerate(answers):
        waiting = list(names)
        while waiting:
            index = maker.get(waiting.pop())
            if index is not None and index not in stage_of:
                stage_of[index] = stage
                waiting += graph.node[index].input
    return [stage_of.get(index, len(answers)) for index in range(len(graph.node))]
