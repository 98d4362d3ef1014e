"""Convolutions in one form: outputs come first in a weight, and a few wide groups are as many convolutions.

The weights that this takes are computed from the network's own; ``fold`` makes parameters of them.
"""

from typing import Any

import torch
from torch import Tensor, fx

from s2dnas.graph.calls import argument, argument_names, operand, operator_name

# A group of 32 channels has pieces enough for a few stages; the groups of a convolution with more of them are pieces.
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
    """A weight with inputs and outputs swapped within each group. Done twice, it is as it was."""
    in_groups = weight.reshape(groups, -1, *weight.shape[1:])
    return in_groups.transpose(1, 2).flatten(0, 1)


def outputs_first(graph: fx.Graph, node: fx.Node) -> fx.Node:
    """A transposed convolution, as ``transposed_conv``; left if it has as many groups as there are samples."""
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
    """A convolution of a few wide groups, as convolutions side by side; others are left."""
    groups, (made, given) = argument(node, "groups", 1), operand(node, 1).meta["val"].shape[:2]
    if not (isinstance(groups, int) and 1 < groups <= _MOST_GROUPS and min(given, made // groups) >= _WIDE):
        return
    made //= groups
    parts = []
    with graph.inserting_before(node):
        for group in range(groups):
            own: dict[str, Any] = dict(zip(argument_names(node), node.args, strict=False))
            for name, axis, size in ((next(iter(own)), 1, given), ("weight", 0, made), ("bias", 0, made)):
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
    """A call that is a step of another: made by the same module, on the same line."""
    new = graph.call_function(target, arguments)
    new.meta = {key: value for key, value in node.meta.items() if key != "val"}
    return new


def _in_place_of(graph: fx.Graph, node: fx.Node, new: fx.Node) -> fx.Node:
    new.meta = dict(node.meta)
    node.replace_all_uses_with(new)
    graph.erase_node(node)
    return new
