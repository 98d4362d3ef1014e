"""CIFAR ResNets of depth 6n + 2 with parameter-free shortcuts (He et al., 2016, section 4.2, option A)."""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from s2dnas.models.init import he_normal


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut without parameters."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride = stride
        self.new_channels = channels - in_channels

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, C, H, W) to features, fewer positions for a stride above 1."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + padded_shortcut(x, self.stride, self.new_channels))


def padded_shortcut(x: Tensor, stride: int, new_channels: int) -> Tensor:
    """The shortcut without parameters (option A): every ``stride``-th position, and channels of zeros on both sides.

    (N, C, H, W) to (N, C + new_channels, H / stride, W / stride), rounded up.
    """
    if stride > 1:
        x = x[:, :, ::stride, ::stride]
    if new_channels:
        before = new_channels // 2
        x = F.pad(x, (0, 0, 0, 0, before, new_channels - before))
    return x


class ResNet(nn.Module):
    """Three layers of ``blocks`` blocks, 16, 32, 64 channels wide: (N, C, H, W) images of any size to (N, K) logits."""

    def __init__(self, blocks: int, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _layer(blocks, 16, 16, stride=1)
        self.layer2 = _layer(blocks, 16, 32, stride=2)
        self.layer3 = _layer(blocks, 32, 64, stride=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(64, num_classes)
        he_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) to logits (N, K)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return cast(Tensor, self.linear(self.pool(x).flatten(1)))


def _layer(blocks: int, in_channels: int, channels: int, stride: int) -> nn.Sequential:
    first = BasicBlock(in_channels, channels, stride)
    return nn.Sequential(first, *(BasicBlock(channels, channels, 1) for _ in range(blocks - 1)))


def resnet20(num_classes: int, in_channels: int = 3) -> ResNet:
    """0.27 M parameters, 40.6 M macs on 32x32 images of 3 channels."""
    return ResNet(3, num_classes, in_channels)


def resnet32(num_classes: int, in_channels: int = 3) -> ResNet:
    """0.46 M parameters, 68.9 M macs on 32x32 images of 3 channels."""
    return ResNet(5, num_classes, in_channels)


def resnet56(num_classes: int, in_channels: int = 3) -> ResNet:
    """0.85 M parameters, 125.5 M macs on 32x32 images of 3 channels."""
    return ResNet(9, num_classes, in_channels)


def resnet110(num_classes: int, in_channels: int = 3) -> ResNet:
    """1.73 M parameters, 252.9 M macs on 32x32 images of 3 channels."""
    return ResNet(18, num_classes, in_channels)
