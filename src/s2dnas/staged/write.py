"""Write the graph of one stage: the static network's calls on this stage's channels, with its own slices of weights."""

import operator
from typing import Any

from torch import fx

from s2dnas.graph.calls import blaming, operator_name, result_of
from s2dnas.staged.cumulative import cumulative
from s2dnas.staged.layers import classifier, grouped, mixing
from s2dnas.staged.slicing import SLICERS
from s2dnas.staged.writer import StageWriter


def write_stage(writer: StageWriter) -> fx.Node:
    """Write all calls of a stage; the result is the node of its logits.

    Raises ModelError, which names the call, if one cannot be written.
    """
    for node in writer.traced.graph.nodes:
        if node.op != "call_function":
            continue
        way_out = f"register(whole, {operator_name(node)!r}) keeps its channels whole (docs/adding-an-operator.md)"
        with blaming(node, f"cannot be written for stage {writer.index + 1}", way_out):
            _write(writer, node)
    return writer.own[result_of(writer.traced.graph).name]


def _write(writer: StageWriter, node: fx.Node) -> None:
    if node.name in writer.traced.scalars:
        writer.numbers[node.name] = _number(writer, node)
    elif node.name in writer.graph.tail:
        writer.own[node.name] = classifier(writer, node)
    elif (part := _part_of(writer, node)) is not None:
        writer.own[node.name] = part


def _part_of(writer: StageWriter, node: fx.Node) -> Any:
    """This stage's part of a call's result, None if it has none."""
    here = writer.index == 0 or node.name in writer.traced.constants
    if _all_whole(writer, node):
        return _verbatim(writer, node) if here else None
    if node.name in writer.graph.cumulative:
        return cumulative(writer, node)
    if writer.parts.per_stage(node.name):
        return writer.apply(node)
    if not writer.parts.present(node.name, writer.index):
        return None
    if (layer := writer.graph.layer_of.get(node.name)) is not None:
        return grouped(writer, node, layer) if layer.groups > 1 else mixing(writer, node, layer)
    slicer = SLICERS.get(operator_name(node))
    return slicer(writer, node) if slicer is not None else writer.apply(node)


def _all_whole(writer: StageWriter, node: fx.Node) -> bool:
    known = [source.name for source in node.all_input_nodes if source.name in writer.graph.layouts]
    return all(writer.parts.whole(name) for name in [node.name, *known])


def _verbatim(writer: StageWriter, node: fx.Node) -> fx.Node:
    """A call on undivided values belongs to the first stage; one that needs no image, to every stage."""

    def same(source: fx.Node) -> Any:
        return writer.numbers[source.name] if source.name in writer.numbers else writer.available(source)

    return writer.out.repeat(node, *fx.map_arg((node.args, node.kwargs), same))


def _number(writer: StageWriter, node: fx.Node) -> Any:
    """What depends on the batch is computed anew: sizes from the image's N, the rest from them."""
    if operator_name(node) == "aten.sym_size":
        per_sample = writer.traced.scalars[node.name]
        samples = writer.out.samples()
        return samples if per_sample == 1 else writer.out.call(operator.mul, samples, per_sample)
    return writer.out.call(node.target, *writer.number(node.args), **writer.number(node.kwargs))
