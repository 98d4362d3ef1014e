"""How layers with weights become one stage's: slices of their weights, on the features that the stage may read."""

from typing import Any

import numpy as np
from torch import Tensor, fx

from s2dnas.arrays import IntArray
from s2dnas.graph.calls import argument_names, operand, operator_name
from s2dnas.graph.channels import Mixing
from s2dnas.space.assignment import readable
from s2dnas.staged.stage_graph import index
from s2dnas.staged.writer import StageWriter


def mixing(writer: StageWriter, node: fx.Node, layer: Mixing) -> fx.Node:
    """A mixing layer on the features that the stage may read: those parts of its weight alone."""
    rows = _positions(writer, layer.outputs, [writer.index])
    reads = np.flatnonzero(readable(layer, writer.plan)[writer.index]).tolist()
    weight = writer.body[layer.weight][index(rows)][:, index(_positions(writer, layer.inputs, reads))]
    return _weighted(writer, node, _joined(writer, node, reads), writer.out.tensor(layer.weight, weight), rows)


def grouped(writer: StageWriter, node: fx.Node, layer: Mixing) -> fx.Node:
    """A grouped layer on the stage's groups."""
    rows = _positions(writer, layer.outputs, [writer.index])
    groups = rows[:: len(layer.outputs) // layer.groups] * layer.groups // len(layer.outputs)
    per_group = len(layer.inputs) // layer.groups
    source = writer.part(operand(node), 1, (groups[:, None] * per_group + np.arange(per_group)).flatten())
    weight = writer.out.tensor(layer.weight, writer.body[layer.weight][index(rows)])
    call, position = _weighted(writer, node, source, weight, rows), argument_names(node).index("groups")
    call.args = (*call.args[:position], len(groups), *call.args[position + 1 :])
    return call


def classifier(writer: StageWriter, node: fx.Node) -> fx.Node:
    """A call of the tail, with the stage's own weights: its mixing layers read every feature so far."""
    layer, so_far = writer.graph.layer_of.get(node.name), list(range(writer.index + 1))

    def own(name: str) -> Tensor:
        tensor = writer.head[name]
        read_in_part = layer is not None and layer.weight == name and layer.groups == 1
        return tensor[:, index(_positions(writer, layer.inputs, so_far))] if layer and read_in_part else tensor

    def read(source: fx.Node) -> Any:
        if source.name in writer.numbers:
            return writer.numbers[source.name]
        if layer is not None and source is operand(node):
            return _joined(writer, node, so_far)
        if (name := writer.traced.tensors.get(source.name)) is not None:
            return writer.out.tensor(name, own(name), f"{name}_of_classifier" if name in writer.body else name)
        return writer.own[source.name] if source.name in writer.graph.tail else writer.available(source)

    return writer.repeat(node, *fx.map_arg((node.args, node.kwargs), read))


def _weighted(writer: StageWriter, node: fx.Node, source: fx.Node, weight: fx.Node, rows: IntArray) -> fx.Node:
    arguments = [source, weight, *node.args[2:]]
    if len(arguments) > 2 and isinstance(bias := node.args[2], fx.Node):
        name = writer.traced.tensors.get(bias.name)
        part = writer.available(bias) if name is None else writer.out.tensor(name, writer.body[name][index(rows)])
        arguments[2] = part
    return writer.out.repeat(node, arguments, node.kwargs)


def _positions(writer: StageWriter, units: IntArray, stages: list[int]) -> IntArray:
    """Channels in the order in which the parts of stages are concatenated."""
    return np.concatenate([writer.parts.positions(units, stage) for stage in stages])


def _joined(writer: StageWriter, node: fx.Node, stages: list[int]) -> fx.Node:
    """What a mixing layer reads: the parts of these stages, concatenated."""
    source = operand(node)
    if writer.parts.per_stage(source.name):
        return writer.own[source.name]
    found = [writer.stage_part(source, stage) for stage in stages if writer.parts.present(source.name, stage)]
    return writer.out.concatenate(found, -1 if operator_name(node) == "aten.linear" else 1)
