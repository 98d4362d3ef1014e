"""What the mixing layers of a plan may read, as zeros and ones on their weights."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from s2dnas.graph.channels import ChannelGraph
from s2dnas.network.weights import Weights
from s2dnas.space.assignment import readable, stage_of_units
from s2dnas.space.plan import Plan


def stage_masks(graph: ChannelGraph, plan: Plan) -> dict[str, Tensor]:
    """What may be read, by the name of a mixing layer's first call: (outputs, inputs) zeros and ones.

    For a layer of the tail (S, 1, inputs): the features that each stage's classifier may read. A grouped layer has
    none, since its groups are tied.
    """
    stages = stage_of_units(graph, plan)
    masks = {}
    for layer in graph.mixing:
        if layer.groups == 1:
            reads = readable(layer, plan)
            rows = np.arange(plan.num_stages)[:, None] if layer.in_tail else stages[layer.outputs]
            masks[layer.nodes[0]] = torch.from_numpy(reads[rows][..., stages[layer.inputs]].astype(np.float32))
    return masks


def masked_weights(graph: ChannelGraph, weights: Weights, masks: Mapping[str, Tensor], leak: float = 0.0) -> Weights:
    """Weights times what may be read; ``leak`` in [0, 1] is how much of the rest is let through."""
    body, heads = dict(weights.body), tuple(dict(head) for head in weights.heads)
    for layer in graph.mixing:
        if (mask := masks.get(layer.nodes[0])) is None:
            continue
        if layer.in_tail:
            for head, row in zip(heads, mask, strict=True):
                head[layer.weight] = _faded(head[layer.weight], row, leak)
        else:
            body[layer.weight] = _faded(body[layer.weight], mask, leak)
    return Weights(body, heads)


def _faded(weight: Tensor, mask: Tensor, leak: float) -> Tensor:
    return scaled(weight, mask.to(weight) * (1 - leak) + leak)


def scaled(weight: Tensor, factor: Tensor) -> Tensor:
    """A weight (outputs, inputs, ..) times a factor (outputs, inputs)."""
    return weight * factor.reshape(*factor.shape, *[1] * (weight.ndim - 2))
