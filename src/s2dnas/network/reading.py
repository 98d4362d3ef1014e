"""What a layer with a weight matrix reads, as a matrix: one row per sample and position of its output."""

from typing import Any

import torch
from torch import Tensor, fx, nn

from s2dnas.graph.calls import argument, operator_name

_CHUNK = 64
"""Images that are unfolded at a time: all patches of a convolution are as large as the image times its kernel."""


def rows_read(node: fx.Node, features: Tensor, weight: Tensor, positions: int) -> Tensor | None:
    """Rows (N * P, I) such that rows @ weight.flatten(1).T is the call's output there, without its bias.

    P is the number of positions, spread evenly over the output, at most ``positions``. None for a call that is not a
    linear layer or a convolution over images without groups.
    """
    if operator_name(node) == "aten.linear":
        tokens = features.reshape(len(features), -1, features.shape[-1])
        return tokens[:, spread(tokens.shape[1], positions)].flatten(0, 1)
    if operator_name(node) == "aten.conv2d" and argument(node, "groups", 1) == 1:
        shape = {name: _pair(argument(node, name, default)) for name, default in _SHAPE.items()}
        if all(isinstance(number, int) for pair in shape.values() for number in pair):
            unfold = nn.Unfold(tuple(weight.shape[2:]), **shape)
            return torch.cat([_at(unfold(images), positions) for images in torch.split(features, _CHUNK)])
    return None


_SHAPE = {"stride": 1, "padding": 0, "dilation": 1}


def _pair(value: Any) -> tuple[Any, ...]:
    numbers = tuple(value) if isinstance(value, list | tuple) else (value,)
    return numbers * 2 if len(numbers) == 1 else numbers


def _at(patches: Tensor, positions: int) -> Tensor:
    """Patches (N, I, L) at some of their L positions, as rows (N * P, I)."""
    return patches[..., spread(patches.shape[-1], positions)].transpose(1, 2).flatten(0, 1)


def spread(count: int, wanted: int) -> Tensor:
    """Positions spread evenly over ``count``, at most as many as are wanted."""
    return torch.linspace(0, count - 1, min(count, wanted)).round().long()
