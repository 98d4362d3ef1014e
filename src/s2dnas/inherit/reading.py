"""What a layer with a weight matrix reads, as a matrix: one row per sample and position of its output."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from s2dnas.graph.calls import argument, operator_name


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
            return _patches(features, weight.shape[2:], positions, **shape)
    return None


_SHAPE = {"stride": 1, "padding": 0, "dilation": 1}


def _pair(value: Any) -> tuple[Any, ...]:
    numbers = tuple(value) if isinstance(value, list | tuple) else (value,)
    return numbers * 2 if len(numbers) == 1 else numbers


def _patches(
    x: Tensor,
    kernel: Sequence[int],
    positions: int,
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> Tensor:
    """What a convolution reads of (N, C, H, W) at some positions of its output, as rows (N * P, C * kernel)."""
    padded = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    spans = [(size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True)]
    height, width = (
        (size - span) // step + 1 for size, span, step in zip(padded.shape[2:], spans, stride, strict=True)
    )
    at = spread(height * width, positions).to(x.device)
    rows = _taps(at // width, kernel[0], stride[0], dilation[0])[:, :, None]
    columns = _taps(at % width, kernel[1], stride[1], dilation[1])[:, None, :]
    return padded[:, :, rows, columns].transpose(1, 2).flatten(0, 1).flatten(1)


def _taps(at: Tensor, size: int, stride: int, dilation: int) -> Tensor:
    """Where a kernel lies along one axis, (P, size)."""
    return at[:, None] * stride + torch.arange(size, device=at.device) * dilation


def spread(count: int, wanted: int) -> Tensor:
    """Positions spread evenly over ``count``, at most as many as are wanted."""
    return torch.linspace(0, count - 1, min(count, wanted)).round().long()
