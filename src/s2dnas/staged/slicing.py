"""How the calls that name channels, by number or by position, act on one stage's part of their operand.

All other calls that are no mixing layers act on a part as they act on the whole.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx

from s2dnas.graph.calls import argument, operand
from s2dnas.graph.products import factors_of
from s2dnas.staged.parts import found_in
from s2dnas.staged.writer import StageWriter

Slicer = Callable[[StageWriter, fx.Node], fx.Node]


def resized(writer: StageWriter, node: fx.Node) -> fx.Node:
    """reshape, expand: this stage's number of channels in the new shape."""
    size = _own_count(writer, node, list(writer.number(node.args[1])), first_axis=0)
    return writer.out.call(node.target, writer.read(operand(node), node), size)


def unflattened(writer: StageWriter, node: fx.Node) -> fx.Node:
    """unflatten: likewise, in the shape that one axis is given."""
    first = int(argument(node, "dim")) % len(writer.traced.shapes[operand(node).name])
    size = _own_count(writer, node, list(writer.number(node.args[2])), first_axis=first)
    return writer.out.call(node.target, writer.read(operand(node), node), first, size)


def _own_count(writer: StageWriter, node: fx.Node, size: list[Any], first_axis: int) -> list[Any]:
    axis = writer.parts.layout(node.name).axis
    if axis is not None and first_axis <= axis < first_axis + len(size):
        size[axis - first_axis] = len(writer.channels(node))
    return size


def padded(writer: StageWriter, node: fx.Node) -> fx.Node:
    """pad: only this stage's padding channels are added. A part of padding alone pads no channels of the image."""
    parts, source = writer.parts, operand(node)
    axis, shape = parts.layout(node.name).axis, writer.traced.shapes[node.name]
    amounts, rest = list(writer.number(node.args[1])), node.args[2:]
    position = len(amounts) if axis is None else 2 * (len(shape) - 1 - axis)
    if axis is None or position >= len(amounts):
        return writer.out.call(node.target, writer.read(source, node), amounts, *rest)
    own, inside = writer.channels(node), np.flatnonzero(parts.sources(node, axis) >= 0)
    before, after = int((own < inside[0]).sum()), int((own > inside[-1]).sum())
    if before + after == len(own):
        size = [writer.out.samples(), *shape[1:axis], len(own), *shape[axis + 1 :]]
        value = (argument(node, "value") or 0.0) if len(rest) else 0.0
        return writer.out.call(torch.ops.aten.new_full.default, writer.out.image, size, value)
    amounts[position : position + 2] = before, after
    part = writer.part(source, axis, own[(own >= inside[0]) & (own <= inside[-1])] - inside[0])
    return writer.out.call(node.target, part, amounts, *rest)


def picked(writer: StageWriter, node: fx.Node) -> fx.Node:
    """slice, narrow, flip: along the channels, the positions of this stage's part that make up its result."""
    parts, source = writer.parts, operand(node)
    axis = parts.layout(source.name).axis
    if axis is None:
        return writer.apply(node)
    sources = parts.sources(node, axis)
    if np.array_equal(sources, np.arange(parts.size(source.name, axis))):
        return writer.apply(node)
    own = parts.channels(source.name, writer.index)
    positions = found_in(own, sources[writer.channels(node)])
    return writer.out.select(writer.read(source, node), axis, positions, len(own))


def concatenated(writer: StageWriter, node: fx.Node) -> fx.Node:
    """cat: this stage's part of every operand that has one."""
    parts, operands = writer.parts, writer.values(node.args[0])
    layout, rank = parts.layout(node.name), len(writer.traced.shapes[node.name])
    axis = int(argument(node, "dim", 0)) % rank
    if layout.axis not in (None, axis):
        return writer.out.concatenate([writer.read(source, node) for source in operands], axis)
    units = layout.along(parts.size(node.name, axis))
    found, start = [], 0
    for source in operands:
        size = parts.size(source.name, axis)
        own = parts.positions(units[start : start + size], writer.index)
        start += size
        if len(own):
            found.append(writer.part(source, axis, own))
    return writer.out.concatenate(found, axis)


def regrouped(writer: StageWriter, node: fx.Node) -> fx.Node:
    """group_norm: this stage's number of groups."""
    source, groups = operand(node), int(argument(node, "num_groups"))
    own = writer.parts.layout(source.name).along(writer.parts.size(source.name, 1))
    share = len(writer.parts.positions(own, writer.index))
    arguments, keywords = writer.arguments(node)
    arguments[1] = groups * share // len(own)
    return writer.out.repeat(node, arguments, keywords)


def multiplied(writer: StageWriter, node: fx.Node) -> fx.Node:
    """Products: of an operand that belongs anywhere, this stage's positions along the axis of its channels."""
    factors, letters = factors_of(node, writer.traced.shapes)
    axis = writer.parts.layout(node.name).axis

    def read(source: fx.Node) -> Any:
        own = [factor.axis(letters[axis]) for factor in factors if factor.source is source and axis is not None]
        if not own or own[0] is None or writer.traced.shapes[source.name][own[0]] == 1:
            return writer.available(source)
        return writer.part(source, own[0], writer.channels(node))

    return writer.out.repeat(node, *fx.map_arg((node.args, node.kwargs), read))


SLICERS: dict[str, Slicer] = {
    **dict.fromkeys(["aten.reshape", "aten.expand"], resized),
    "aten.unflatten": unflattened,
    **dict.fromkeys(["aten.pad", "aten.constant_pad_nd"], padded),
    **dict.fromkeys(["aten.slice", "aten.narrow", "aten.flip", "aten.roll", "reorder"], picked),
    "aten.cat": concatenated,
    "aten.group_norm": regrouped,
    **dict.fromkeys(["aten.matmul", "aten.bmm", "aten.einsum", "aten.scaled_dot_product_attention"], multiplied),
}
