"""How much of the gradient that later stages send into the features of earlier ones gets there.

Features serve the stage that computes them and all later ones; what the later ones want of them may spoil the first
answers, which most samples get (gradient control in MSDNet-like networks: Li et al. 2019, Gong et al. 2024).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from s2dnas.graph.calls import operand
from s2dnas.graph.channels import ChannelGraph
from s2dnas.masked.masks import scaled
from s2dnas.masked.stagewise import Read
from s2dnas.space.assignment import stage_of_units
from s2dnas.space.plan import Plan


def carry_masks(graph: ChannelGraph, plan: Plan) -> dict[str, Tensor]:
    """Which weights read an earlier stage's features, by call: as ``stage_masks`` (outputs, inputs), in the tail (S, 1,
    inputs). Calls of grouped layers, which stay inside a stage, and of computed weights are not among them."""
    stages = stage_of_units(graph, plan)
    calls = {node.name: node for node in graph.traced.graph.nodes}
    masks = {}
    for name, layer in graph.layer_of.items():
        if layer.groups == 1 and graph.traced.tensors.get(operand(calls[name], 1).name) == layer.weight:
            readers = np.arange(plan.num_stages)[:, None] if layer.in_tail else stages[layer.outputs]
            earlier = stages[layer.inputs] < readers[..., None]
            masks[name] = torch.from_numpy(earlier.astype(np.float32))
    return masks


def with_scaled_gradient(call: Callable[[Read], Tensor], node: fx.Node, read: Read, factor: Tensor) -> Tensor:
    """The result of a call, through which its features get the gradient of a weight times ``factor``.

    The weight itself learns as ever: it sees fixed features, and the features see a fixed weight.
    """
    features, weight = operand(node, 0), operand(node, 1)

    def for_weights(source: fx.Node) -> Any:
        return read(source).detach() if source is features else read(source)

    def for_features(source: fx.Node) -> Any:
        value = read(source)
        if source is features:
            return value
        value = value.detach()
        return scaled(value, factor) if source is weight else value

    passing = call(for_features)
    return call(for_weights) + (passing - passing.detach())
