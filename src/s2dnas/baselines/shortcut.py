"""The shortcut of the CIFAR ResNets as a module by itself."""

from torch import Tensor, nn

from s2dnas.models.resnet import padded_shortcut


class PaddedShortcut(nn.Module):
    """``padded_shortcut`` of fixed stride and number of new channels."""

    def __init__(self, stride: int, new_channels: int) -> None:
        super().__init__()
        self.stride, self.new_channels = stride, new_channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C + new_channels, H / stride, W / stride), rounded up."""
        return padded_shortcut(x, self.stride, self.new_channels)
