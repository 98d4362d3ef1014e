"""The operator table: how stage numbers travel through each ATen operator.

A rule takes the analysis and a call, and gives the channel ids of what the call computes. An operator without a rule
is never assumed harmless: its channels stay whole in stage 1 and are listed.
"""

from collections.abc import Callable, Collection, Iterable
from math import prod
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, fx

from s2dnas.graph.calls import argument, operand, operator_name

if TYPE_CHECKING:
    from s2dnas.graph.analysis import Analysis
    from s2dnas.graph.trace import Traced

Ids = Tensor | tuple[Tensor, ...]
Rule = Callable[["Analysis", fx.Node], Ids]


class NotDivisibleError(Exception):
    """A call's channels cannot be divided; the message is the reason."""


def convolution(analysis: "Analysis", node: fx.Node) -> Tensor:
    """Output channels are new, unless groups tie them to their inputs."""
    weight, groups = analysis.weight(node), int(analysis.argument(node, "groups", 1))
    inputs, outputs = analysis.along(operand(node), 1), analysis.units.fresh(len(weight))
    if groups > 1:
        _tie_groups(analysis, inputs, groups)
        _tie_groups(analysis, outputs, groups)
        analysis.units.merge(inputs.view(groups, -1)[:, 0], outputs.view(groups, -1)[:, 0])
    positions = prod(analysis.shape(node)[2:])
    analysis.mixes(node, outputs, inputs, groups, positions * prod(weight.shape[2:]))
    analysis.ties(argument(node, "bias"), outputs)
    return analysis.spread(outputs, 1, node)


def linear(analysis: "Analysis", node: fx.Node) -> Tensor:
    """Output features are new."""
    weight, shape = analysis.weight(node), analysis.shape(node)
    inputs, outputs = analysis.along(operand(node), len(shape) - 1), analysis.units.fresh(len(weight))
    analysis.mixes(node, outputs, inputs, 1, prod(shape[1:-1]))
    analysis.ties(argument(node, "bias"), outputs)
    return analysis.spread(outputs, len(shape) - 1, node)


def batch_norm(analysis: "Analysis", node: fx.Node) -> Tensor:
    """Channel by channel, with per-channel parameters."""
    channels = analysis.along(operand(node), 1)
    for parameter in node.args[1:5]:
        analysis.ties(parameter, channels)
    return analysis.ids(operand(node))


def group_norm(analysis: "Analysis", node: fx.Node) -> Tensor:
    """The channels of one group share one stage number."""
    channels = analysis.along(operand(node), 1)
    _tie_groups(analysis, channels, int(analysis.argument(node, "num_groups")))
    for name in ("weight", "bias"):
        analysis.ties(argument(node, name), channels)
    return analysis.ids(operand(node))


def prelu(analysis: "Analysis", node: fx.Node) -> Tensor:
    """One slope per channel, or one for all."""
    channels = analysis.along(operand(node), 1)
    slope = operand(node, 1)
    if prod(analysis.shape(slope)) > 1:
        analysis.ties(slope, channels)
    else:
        analysis.meets(slope, None)
    return analysis.ids(operand(node))


def pointwise(analysis: "Analysis", node: fx.Node) -> Tensor:
    """What is combined element by element shares one stage number."""
    operands = [source for source in node.all_input_nodes if analysis.is_tensor(source)]
    axis = _channel_axis([analysis.ids(source) for source in operands if source.op != "placeholder"])
    for source in operands:
        analysis.meets(source, axis)
    together, *others = [analysis.ids(source) for source in operands]
    for ids in others:
        analysis.units.merge(together, ids)
        together = torch.maximum(together, ids)
    return together.reshape((1,) * (len(analysis.shape(node)) - together.ndim) + tuple(together.shape))


def local(analysis: "Analysis", node: fx.Node) -> Ids:
    """Works on positions within each channel: pooling, resizing. Several results are alike: values and indices."""
    analysis.along(operand(node), 1)
    ids, shapes = analysis.ids(operand(node)), analysis.shape(node)
    return (ids,) * len(shapes) if isinstance(shapes[0], tuple) else ids


def pick(analysis: "Analysis", node: fx.Node) -> Tensor:
    """One part of a call with several results."""
    parts, index = analysis.layouts[operand(node).name], node.args[1]
    if isinstance(parts, Tensor) or not isinstance(index, int):
        raise NotDivisibleError("not one part of a call with several results")
    return parts[index]


def reduction(analysis: "Analysis", node: fx.Node) -> Tensor:
    """Over positions; one over channels needs all of them."""
    ids = analysis.ids(operand(node))
    axes = [int(axis) % ids.ndim for axis in analysis.argument(node, "dim") or range(ids.ndim)]
    if any(ids.shape[axis] > 1 for axis in axes):
        raise NotDivisibleError("it runs over channels and needs all of them")
    return ids if analysis.argument(node, "keepdim", False) else ids.amax(axes)


def rearranging(analysis: "Analysis", node: fx.Node) -> Tensor:
    """Ids are rearranged as the data is: the operator itself runs on them."""
    ids: Tensor = cast(Any, node.target)(*analysis.expanded(node.args), **analysis.expanded(node.kwargs))
    return analysis.claim_padding(ids)


def padding(analysis: "Analysis", node: fx.Node) -> Tensor:
    """Padding belongs anywhere. Negative padding would take channels away."""
    shape, ids = analysis.shape(operand(node)), analysis.ids(operand(node))
    amounts = [int(amount) for amount in analysis.argument(node, "pad")]
    axes = [axis for axis, count in enumerate(ids.shape) if count > 1]
    if any(min(amounts[2 * (len(shape) - 1 - axis) :][:2], default=0) < 0 for axis in axes):
        raise NotDivisibleError("it crops channels")
    wide = torch.ops.aten.pad.default(ids.expand(shape), amounts)
    return analysis.claim_padding(wide)


def constant(analysis: "Analysis", node: fx.Node) -> Tensor:
    """The same for every input: belongs anywhere."""
    return torch.zeros((1,) * len(analysis.shape(node)), dtype=torch.int64)


RULES: dict[str, Rule] = {"getitem": pick}


def register(rule: Rule, *names: str) -> None:
    """Use a rule for operators, each named as in ``torch.ops``: ``aten.relu``."""
    RULES.update(dict.fromkeys(names, rule))


def _aten(*names: str) -> list[str]:
    return [f"aten.{name}" for name in names]


register(convolution, *_aten("conv1d", "conv2d"))
register(linear, *_aten("linear"))
register(batch_norm, *_aten("batch_norm"))
register(group_norm, *_aten("group_norm"))
register(prelu, *_aten("prelu"))
register(
    pointwise,
    *_aten("add", "sub", "rsub", "mul", "div", "maximum", "minimum", "neg", "abs", "pow", "sqrt", "rsqrt", "exp"),
    *_aten("square", "reciprocal", "log", "log1p", "sin", "cos", "erf", "to", "_to_copy", "lift_fresh_copy"),
    *_aten("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh", "softplus"),
    *_aten("hardtanh", "hardsigmoid", "hardswish", "clamp", "clamp_min", "clamp_max", "dropout"),
    *_aten("softsign", "log_sigmoid", "threshold", "hardshrink", "softshrink", "expand_as"),
)
register(
    local,
    *_aten("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "feature_dropout"),
    *_aten("upsample_nearest2d", "upsample_bilinear2d"),
)
register(reduction, *_aten("mean", "sum", "amax", "amin"))
register(padding, *_aten("pad", "constant_pad_nd"))
register(
    rearranging,
    *_aten("cat", "slice", "narrow"),
    *_aten("reshape", "flatten", "unflatten", "expand", "squeeze", "unsqueeze"),
    *_aten("permute", "transpose", "contiguous", "clone", "flip", "alias", "detach"),
)
register(constant, *_aten("zeros", "ones", "full", "arange", "scalar_tensor"))


def rule_of(node: fx.Node) -> Rule | None:
    """The rule for a call, None if the table has none."""
    return RULES.get(operator_name(node))


def weighted_macs(traced: "Traced", without: Collection[str]) -> dict[str, int]:
    """Multiply-adds, for one image, of the calls of convolutions and linear layers that are not ``without``."""
    found = {}
    for node in traced.graph.nodes:
        kind = operator_name(node).removeprefix("aten.")
        if node.op != "call_function" or node.name in without or not kind.startswith(("conv", "linear")):
            continue
        given, made, weight = (traced.shapes[n.name] for n in (operand(node), node, operand(node, 1)))
        found[node.name] = prod(given if kind.startswith("conv_transpose") else made) * prod(weight[1:])
    return found


def _tie_groups(analysis: "Analysis", channels: Tensor, groups: int) -> None:
    per_group = channels.view(groups, -1)
    analysis.units.merge(per_group, per_group[:, :1])


def _channel_axis(ids: Iterable[Tensor]) -> int | None:
    """The axis, counted from the end, along which the first of some values has its channels."""
    return next((axis - part.ndim for part in ids for axis, count in enumerate(part.shape) if count > 1), None)
