"""The operator table: how stage numbers travel through each ATen operator.

A rule takes the walk through the network and a call, and gives the channel ids of what the call computes. An operator
without a rule is never assumed harmless: its channels stay whole in stage 1 and are listed.
"""

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn, cast

import torch
from torch import Tensor, fx

from s2dnas.graph.calls import argument, operand, operator_name
from s2dnas.graph.convolutions import transposed_conv
from s2dnas.graph.dropout import OF_CHANNELS, OF_ELEMENTS
from s2dnas.graph.products import factors_of
from s2dnas.graph.units import Ids, NotDivisibleError, varying_axes

if TYPE_CHECKING:
    from s2dnas.graph.walk import Walk

Rule = Callable[["Walk", fx.Node], Ids]


def convolution(walk: "Walk", node: fx.Node) -> Tensor:
    """Output channels are new, unless groups tie them to their inputs."""
    weight, groups = walk.weight(node), int(walk.argument(node, "groups", 1))
    inputs, outputs = walk.along(operand(node), 1), walk.units.fresh(len(weight))
    if groups > 1:
        _tie_groups(walk, inputs, groups)
        _tie_groups(walk, outputs, groups)
        walk.units.merge(inputs.view(groups, -1)[:, 0], outputs.view(groups, -1)[:, 0])
    # An element of a weight is used once per output position, in a transposed convolution once per input position.
    counted = walk.shape(operand(node) if node.target is transposed_conv else node)
    walk.mixes(node, outputs, inputs, groups, prod(counted) // counted[1] * prod(weight.shape[2:]))
    walk.ties(argument(node, "bias"), outputs)
    return walk.spread(outputs, 1, node)


def linear(walk: "Walk", node: fx.Node) -> Tensor:
    """Output features are new."""
    weight, shape = walk.weight(node), walk.shape(node)
    inputs, outputs = walk.along(operand(node), len(shape) - 1), walk.units.fresh(len(weight))
    walk.mixes(node, outputs, inputs, 1, prod(shape[:-1]))
    walk.ties(argument(node, "bias"), outputs)
    return walk.spread(outputs, len(shape) - 1, node)


def batch_norm(walk: "Walk", node: fx.Node) -> Tensor:
    """Channel by channel, with per-channel parameters."""
    channels = walk.along(operand(node), 1)
    for parameter in node.args[1:5]:
        walk.ties(parameter, channels)
    return walk.ids(operand(node))


def group_norm(walk: "Walk", node: fx.Node) -> Tensor:
    """The channels of one group share one stage number."""
    channels = walk.along(operand(node), 1)
    _tie_groups(walk, channels, int(walk.argument(node, "num_groups")))
    for name in ("weight", "bias"):
        walk.ties(argument(node, name), channels)
    return walk.ids(operand(node))


def prelu(walk: "Walk", node: fx.Node) -> Tensor:
    """One slope per channel, or one for all."""
    channels = walk.along(operand(node), 1)
    slope = operand(node, 1)
    if prod(walk.shape(slope)) > 1:
        walk.ties(slope, channels)
    else:
        walk.meets(slope, ())
    return walk.ids(operand(node))


def pointwise(walk: "Walk", node: fx.Node) -> Tensor:
    """What is combined element by element shares one stage number."""
    operands = [source for source in node.all_input_nodes if walk.is_tensor(source)]
    axes = set().union(*(varying_axes(walk.ids(source)) for source in operands if source.op != "placeholder"))
    for source in operands:
        walk.meets(source, axes)
    return walk.combine(node, [(walk.ids(source), walk.shape(source)) for source in operands])


def product(walk: "Walk", node: fx.Node) -> Tensor:
    """Features times features: heads of an attention share one stage number, and so does what is summed in each."""
    factors, result = factors_of(node, walk.traced.shapes)
    if "." in result:
        raise NotDivisibleError("its equation has an ellipsis")
    aligned = []
    for factor in factors:
        varying = [axis for axis, count in enumerate(walk.ids(factor.source).shape) if count > 1]
        summed = [axis for axis in varying if factor.letters[axis] not in result]
        if summed and summed == varying:
            raise NotDivisibleError("it multiplies channels with channels")
        ids = walk.join(factor.source, summed)
        full = torch.empty(walk.shape(factor.source), device="meta")
        aligned.append((factor.align(ids, result), tuple(factor.align(full, result).shape)))
    return walk.combine(node, aligned)


def local(walk: "Walk", node: fx.Node) -> Ids:
    """Works on positions within each channel: pooling, resizing. Values and indices have the same ids."""
    walk.along(operand(node), 1)
    ids, shapes = walk.ids(operand(node)), walk.shape(node)
    return (ids,) * len(shapes) if isinstance(shapes[0], tuple) else ids


def pick(walk: "Walk", node: fx.Node) -> Tensor:
    """One part of a call with several results."""
    parts, index = walk.layouts[operand(node).name], node.args[1]
    if isinstance(parts, Tensor) or not isinstance(index, int):
        raise NotDivisibleError("not one part of a call with several results")
    return parts[index]


def reduction(walk: "Walk", node: fx.Node) -> Ids:
    """A mean, a sum or a norm, over positions or channels. Variance and mean have the same ids."""
    rank, shapes = len(walk.shape(operand(node))), walk.shape(node)
    given = walk.argument(node, "dim")
    axes = range(rank) if given in (None, []) else [int(axis) % rank for axis in _listed(given)]
    ids = walk.reads_all(node, axes)
    for axis in axes:  # a result over all channels belongs to none of them
        ids = ids.narrow(axis, 0, 1) if ids.shape[axis] == 1 else torch.zeros_like(ids.narrow(axis, 0, 1))
    if not walk.argument(node, "keepdim", False):
        ids = ids.squeeze(list(axes))
    return (ids,) * len(shapes) if shapes and isinstance(shapes[0], tuple) else ids


def normalising(walk: "Walk", node: fx.Node) -> Tensor:
    """Normalises along some axes: softmax, layer norm, RMS norm."""
    rank, shape = len(walk.shape(node)), walk.argument(node, "normalized_shape")
    axes = [int(walk.argument(node, "dim")) % rank] if shape is None else range(rank - len(shape), rank)
    return walk.reads_all(node, axes)


def rearranging(walk: "Walk", node: fx.Node) -> Tensor:
    """Ids are rearranged as the data is: the operator itself runs on them."""
    try:
        ids: Tensor = cast(Any, node.target)(*walk.expanded(node.args), **walk.expanded(node.kwargs))
    except RuntimeError as error:  # an operator that does not take integers
        raise NotDivisibleError(f"it does not run on channel numbers: {error}".splitlines()[0]) from error
    return walk.claim_padding(ids)


def padding(walk: "Walk", node: fx.Node) -> Tensor:
    """Padded channels get ids of their own. Negative padding of channels is refused: it would crop them."""
    shape, ids = walk.shape(operand(node)), walk.ids(operand(node))
    amounts = [int(amount) for amount in walk.argument(node, "pad")]
    axes = [axis for axis, count in enumerate(ids.shape) if count > 1]
    if any(min(amounts[2 * (len(shape) - 1 - axis) :][:2], default=0) < 0 for axis in axes):
        raise NotDivisibleError("it crops channels")
    wide = torch.ops.aten.pad.default(ids.expand(shape), amounts)
    return walk.claim_padding(wide)


def constant(walk: "Walk", node: fx.Node) -> Tensor:
    """The same for every input: belongs anywhere."""
    return torch.zeros((1,) * len(walk.shape(node)), dtype=torch.int64)


def whole(walk: "Walk", node: fx.Node) -> NoReturn:  # noqa: ARG001
    """Register this rule for an operator to keep its channels whole."""
    raise NotDivisibleError("the rule for this operator says so")


RULES: dict[str, Rule] = {"getitem": pick}


def register(rule: Rule, *names: str) -> None:
    """Use a rule for operators, each named as in ``torch.ops``: ``aten.relu``."""
    RULES.update(dict.fromkeys(names, rule))


def _aten(*names: str) -> list[str]:
    return [f"aten.{name}" for name in names]


register(convolution, *_aten("conv1d", "conv2d", "conv3d"), "transposed_conv")
register(linear, *_aten("linear"))
register(batch_norm, *_aten("batch_norm"))
register(group_norm, *_aten("group_norm"))
register(prelu, *_aten("prelu"))
register(
    pointwise,
    *_aten("add", "sub", "rsub", "mul", "div", "maximum", "minimum", "neg", "abs", "pow", "sqrt", "rsqrt", "exp"),
    *_aten("square", "reciprocal", "log", "log1p", "sin", "cos", "erf", "to", "_to_copy", "lift_fresh_copy"),
    *_aten("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh", "softplus"),
    *_aten("hardtanh", "hardsigmoid", "hardswish", "clamp", "clamp_min", "clamp_max"),
    *_aten("softsign", "log_sigmoid", "threshold", "hardshrink", "softshrink", "expand_as"),
    *_aten("addcmul", "addcdiv", "lerp", "where", "masked_fill", "floor", "round", "type_as", "sign"),
    *OF_ELEMENTS,
)
register(
    local,
    *_aten("max_pool1d", "avg_pool1d", "adaptive_avg_pool1d", "adaptive_max_pool1d"),
    *_aten("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d"),
    *_aten("upsample_nearest1d", "upsample_nearest2d"),
    *_aten("upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d"),
    *OF_CHANNELS,
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


def _tie_groups(walk: "Walk", channels: Tensor, groups: int) -> None:
    per_group = channels.view(groups, -1)
    walk.units.merge(per_group, per_group[:, :1])


def _listed(axes: Any) -> list[Any]:
    return list(axes) if isinstance(axes, (tuple, list)) else [axes]
