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
from s2dnas.graph.products import factors_of

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
    positions = prod(analysis.shape(node)) // len(weight)
    analysis.mixes(node, outputs, inputs, groups, positions * prod(weight.shape[2:]))
    analysis.ties(argument(node, "bias"), outputs)
    return analysis.spread(outputs, 1, node)


def linear(analysis: "Analysis", node: fx.Node) -> Tensor:
    """Output features are new."""
    weight, shape = analysis.weight(node), analysis.shape(node)
    inputs, outputs = analysis.along(operand(node), len(shape) - 1), analysis.units.fresh(len(weight))
    analysis.mixes(node, outputs, inputs, 1, prod(shape[:-1]))
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
        analysis.meets(slope, ())
    return analysis.ids(operand(node))


def pointwise(analysis: "Analysis", node: fx.Node) -> Tensor:
    """What is combined element by element shares one stage number."""
    operands = [source for source in node.all_input_nodes if analysis.is_tensor(source)]
    axes = _varying(analysis.ids(source) for source in operands if source.op != "placeholder")
    for source in operands:
        analysis.meets(source, axes)
    return analysis.combine(node, [(analysis.ids(source), analysis.shape(source)) for source in operands])


def product(analysis: "Analysis", node: fx.Node) -> Tensor:
    """Features times features: heads of an attention share one stage number, and so does what is summed in each."""
    factors, result = factors_of(node, analysis.traced.shapes)
    if "." in result:
        raise NotDivisibleError("its equation has an ellipsis")
    aligned = []
    for factor in factors:
        varying = [axis for axis, count in enumerate(analysis.ids(factor.source).shape) if count > 1]
        summed = [axis for axis in varying if factor.letters[axis] not in result]
        if summed and summed == varying:
            raise NotDivisibleError("it multiplies channels with channels")
        ids = analysis.join(factor.source, summed)
        full = torch.empty(analysis.shape(factor.source), device="meta")
        aligned.append((factor.align(ids, result), tuple(factor.align(full, result).shape)))
    return analysis.combine(node, aligned)


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


def reduction(analysis: "Analysis", node: fx.Node) -> Ids:
    """A mean, a sum or a norm, over positions or channels. Several results are alike: variance and mean."""
    rank, shapes = len(analysis.shape(operand(node))), analysis.shape(node)
    given = analysis.argument(node, "dim")
    axes = range(rank) if given in (None, []) else [int(axis) % rank for axis in _listed(given)]
    ids = analysis.reads_all(node, axes)
    for axis in axes:  # what is left of channels that were read all at once belongs to none of them
        ids = ids.narrow(axis, 0, 1) if ids.shape[axis] == 1 else torch.zeros_like(ids.narrow(axis, 0, 1))
    if not analysis.argument(node, "keepdim", False):
        ids = ids.squeeze(list(axes))
    return (ids,) * len(shapes) if shapes and isinstance(shapes[0], tuple) else ids


def normalising(analysis: "Analysis", node: fx.Node) -> Tensor:
    """Makes all that lies along some axes comparable: softmax, layer norm, RMS norm."""
    rank, shape = len(analysis.shape(node)), analysis.argument(node, "normalized_shape")
    axes = [int(analysis.argument(node, "dim")) % rank] if shape is None else range(rank - len(shape), rank)
    return analysis.reads_all(node, axes)


def rearranging(analysis: "Analysis", node: fx.Node) -> Tensor:
    """Ids are rearranged as the data is: the operator itself runs on them."""
    try:
        ids: Tensor = cast(Any, node.target)(*analysis.expanded(node.args), **analysis.expanded(node.kwargs))
    except (RuntimeError, NotImplementedError) as error:  # an operator that does not take integers
        raise NotDivisibleError(f"it does not run on channel numbers: {error}".splitlines()[0]) from error
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
    *_aten("addcmul", "addcdiv", "lerp", "where", "masked_fill", "floor", "round", "type_as", "sign"),
)
register(
    local,
    *_aten("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "feature_dropout"),
    *_aten("upsample_nearest2d", "upsample_bilinear2d"),
)
register(product, *_aten("matmul", "bmm", "einsum", "scaled_dot_product_attention"))
register(
    reduction,
    *_aten("mean", "sum", "amax", "amin", "var", "std", "var_mean", "std_mean", "norm", "linalg_vector_norm"),
    *_aten("logsumexp", "prod"),
)
register(normalising, *_aten("softmax", "log_softmax", "layer_norm", "rms_norm"))
register(padding, *_aten("pad", "constant_pad_nd"))
register(
    rearranging,
    *_aten("cat", "slice", "narrow"),
    *_aten("reshape", "flatten", "unflatten", "expand", "squeeze", "unsqueeze", "roll", "repeat"),
    *_aten("permute", "transpose", "swapaxes", "movedim", "contiguous", "clone", "flip", "alias", "detach"),
    *_aten("pixel_shuffle", "pixel_unshuffle", "unfold"),
    "reorder",
)
register(constant, *_aten("zeros", "ones", "full", "arange", "scalar_tensor"))


def rule_of(node: fx.Node) -> Rule | None:
    """The rule for a call, None if the table has none."""
    return RULES.get(operator_name(node))


def rearranges(node: fx.Node) -> bool:
    """Whether a call moves elements without changing any."""
    return rule_of(node) is rearranging


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


def _varying(values: Iterable[Tensor]) -> set[int]:
    """The axes, counted from the end, along which the ids of any of some values vary."""
    return {axis - ids.ndim for ids in values for axis, count in enumerate(ids.shape) if count > 1}


def _listed(axes: Any) -> list[Any]:
    return list(axes) if isinstance(axes, (tuple, list)) else [axes]
