"""A convolution that is computed at some positions only."""

from torch import Tensor, nn
from torch.nn import functional as F


def sparse_conv(x: Tensor, conv: nn.Conv2d, active: Tensor) -> Tensor:
    """The result (N, C, H, W) of a 3x3 convolution of padding 1 where ``active`` (N, H, W) is true, 0 elsewhere."""
    padded, stride = F.pad(x, (1, 1, 1, 1)), conv.stride[0]
    windows = padded.unfold(2, 3, stride).unfold(3, 3, stride)  # (N, C, H, W, 3, 3), not copied
    chosen = windows.permute(0, 2, 3, 1, 4, 5)[active].flatten(1)
    result = x.new_zeros(*active.shape, conv.out_channels)
    result[active] = F.linear(chosen, conv.weight.flatten(1))
    return result.permute(0, 3, 1, 2)
