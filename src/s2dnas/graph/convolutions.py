"""Convolutions in one form: weights have outputs first, and a few wide groups become one convolution each.

The weights of that form are computed from the network's own; ``fold`` makes parameters of them.
"""

from typing import Any

import torch
from torch import Tensor, fx

from s2dnas.graph.calls import argument, argument_names, operand, operator_name

# A group of 32 channels can be divided among a few stages; of more groups, each goes to a stage as a whole.
_MOST_GROUPS, _WIDE = 8, 32


def transposed_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    output_padding: Any,
) -> Tensor:
    """A transposed convolution whose weight is (outputs, inputs / groups, ..), as that of any other convolution."""
    call = getattr(torch, f"conv_transpose{x.ndim - 2}d")
    result: Tensor = call(x, swapped(weight, groups), bias, stride, padding, output_padding, groups, dilation)
    return result


def swapped(weight: Tensor, groups: int) -> Tensor:
    """A weight with inputs and outputs swapped within each group. It is its own inverse."""
    in_groups = weight.reshape(groups, -1, *weight.shape[1:])
    return in_groups.transpose(1, 2).flatten(0, 1)


def outputs_first(graph: fx.Graph, node: fx.Node) -> fx.Node:
    """Replace a transposed convolution by ``transposed_conv``; left if its number of groups depends on the batch."""
    groups = argument(node, "groups", 1)
    if not isinstance(groups, int):
        return node
    with graph.inserting_before(node):
        weight = graph.call_function(swapped, (node.args[1], groups))
        weight.meta = {**node.meta, "val": swapped(operand(node, 1).meta["val"], groups)}
        shape = [argument(node, "stride", 1), argument(node, "padding", 0), argument(node, "dilation", 1)]
        arguments = (node.args[0], weight, argument(node, "bias"), *shape, groups, argument(node, "output_padding", 0))
        new = graph.call_function(transposed_conv, arguments)
    return _in_place_of(graph, node, new)


def group_by_group(graph: fx.Graph, node: fx.Node) -> None:
    """Replace a convolution of a few wide groups by one convolution per group; others are left."""
    groups, (outputs, inputs) = argument(node, "groups", 1), operand(node, 1).meta["val"].shape[:2]
    if not (isinstance(groups, int) and 1 < groups <= _MOST_GROUPS and min(inputs, outputs // groups) >= _WIDE):
        return
    outputs //= groups
    parts = []
    with graph.inserting_before(node):
        for group in range(groups):
            own: dict[str, Any] = dict(zip(argument_names(node), node.args, strict=False))
            for name, axis, size in ((next(iter(own)), 1, inputs), ("weight", 0, outputs), ("bias", 0, outputs)):
                if (value := own.get(name)) is not None:
                    slices = (value, axis, group * size, (group + 1) * size)
                    own[name] = _call(graph, node, torch.ops.aten.slice.Tensor, slices)
            parts.append(_call(graph, node, node.target, (*{**own, "groups": 1}.values(),)))
        new = graph.call_function(torch.ops.aten.cat.default, (parts, 1))
    _in_place_of(graph, node, new)


def convolves(node: fx.Node) -> bool:
    """Whether a call is a convolution of any kind."""
    return operator_name(node).removeprefix("aten.").startswith(("conv", "transposed_conv"))


def _call(graph: fx.Graph, node: fx.Node, target: Any, arguments: tuple[Any, ...]) -> fx.Node:
    """A new call that keeps the module and the source line of another."""
    new = graph.call_function(target, arguments)
    new.meta = {key: value for key, value in node.meta.items() if key != "val"}
    return new


def _in_place_of(graph: fx.Graph, node: fx.Node, new: fx.Node) -> fx.Node:
    new.meta = dict(node.meta)
    node.replace_all_uses_with(new)
    graph.erase_node(node)
    return new
