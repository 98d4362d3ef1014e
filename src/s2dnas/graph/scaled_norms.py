"""Norms written as normalising, scaling and shifting, so that each stage has the scale of its own channels."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import fx

from s2dnas.graph.calls import argument, operand

_aten = torch.ops.aten


def scaled_apart(graph: fx.Graph, node: fx.Node) -> None:
    """Layer norm, RMS norm: their parameters run along the last axes, so they broadcast as they are."""
    _scaled_norm(graph, node, node.target, argument(node, "normalized_shape"), parameter_shape=None)


def group_scaled_apart(graph: fx.Graph, node: fx.Node) -> None:
    """Group norm of one group normalises over everything but the samples."""
    shape = operand(node).meta["val"].shape[1:]
    if argument(node, "num_groups") == 1 and all(isinstance(size, int) for size in shape):
        _scaled_norm(graph, node, _aten.layer_norm.default, list(shape), [shape[0], *[1] * (len(shape) - 1)])


def _scaled_norm(
    graph: fx.Graph, node: fx.Node, target: Any, shape: Sequence[Any], parameter_shape: list[int] | None
) -> None:
    """Normalise, then scale, then shift."""
    with graph.inserting_before(node):
        no_bias = () if target is _aten.rms_norm.default else (None,)
        result = graph.call_function(
            target, (node.args[0], shape, None, *no_bias, argument(node, "eps", None if not no_bias else 1e-5))
        )
        result.meta = dict(node.meta)
        for combine, name in ((_aten.mul.Tensor, "weight"), (_aten.add.Tensor, "bias")):
            if (parameter := argument(node, name)) is not None:
                if parameter_shape is not None:
                    parameter = graph.call_function(_aten.reshape.default, (parameter, parameter_shape))
                result = graph.call_function(combine, (result, parameter))
                result.meta = dict(node.meta)
    node.replace_all_uses_with(result)
    graph.erase_node(node)
