"""ResNets for images of 64x64 and more (He et al., 2016, table 1): basic blocks at depth 18, bottlenecks at depth 50.

Modules are named as in torchvision, whose weights fit.
"""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from s2dnas.models.init import he_normal

_WIDTHS = (64, 128, 256, 512)


class ProjectedBlock(nn.Module):
    """Convolutions (channels, kernel, stride) in a row, beside a shortcut that is projected where shapes change."""

    def __init__(self, in_channels: int, convolutions: Sequence[tuple[int, int, int]]) -> None:
        super().__init__()
        width, stride = in_channels, 1
        self.depth = len(convolutions)
        for number, (channels, kernel, step) in enumerate(convolutions, start=1):
            self.add_module(f"conv{number}", nn.Conv2d(width, channels, kernel, step, kernel // 2, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(channels))
            width, stride = channels, stride * step
        changed = stride > 1 or width != in_channels
        projection = nn.Conv2d(in_channels, width, 1, stride, bias=False)
        self.downsample = nn.Sequential(projection, nn.BatchNorm2d(width)) if changed else None

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, C, H, W) to features, fewer positions where one of the convolutions has a stride."""
        out = x
        for number in range(1, self.depth + 1):
            out = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(out))
            out = F.relu(out) if number < self.depth else out
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


class ImageNetResNet(nn.Module):
    """Four layers of blocks: (N, C, H, W) images of any size to (N, K) logits."""

    def __init__(self, blocks: Sequence[int], num_classes: int, in_channels: int, *, bottleneck: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        features = 64
        for number, (count, width) in enumerate(zip(blocks, _WIDTHS, strict=True), start=1):
            layer = nn.Sequential()
            for index in range(count):
                convolutions = _convolutions(width, 2 if index == 0 and number > 1 else 1, bottleneck)
                layer.append(ProjectedBlock(features, convolutions))
                features = convolutions[-1][0]
            self.add_module(f"layer{number}", layer)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(features, num_classes)
        he_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) to logits (N, K)."""
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        for number in range(1, len(_WIDTHS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return cast(Tensor, self.fc(self.avgpool(x).flatten(1)))


def _convolutions(width: int, stride: int, bottleneck: bool) -> list[tuple[int, int, int]]:
    if bottleneck:  # the stride is where torchvision has it, at the 3x3 convolution
        return [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)]
    return [(width, 3, stride), (width, 3, 1)]


def resnet18(num_classes: int, in_channels: int = 3) -> ImageNetResNet:
    """11.2 M parameters, 148.1 M macs on 64x64 images of 3 channels (10 classes)."""
    return ImageNetResNet((2, 2, 2, 2), num_classes, in_channels, bottleneck=False)


def resnet50(num_classes: int, in_channels: int = 3) -> ImageNetResNet:
    """23.5 M parameters, 333.7 M macs on 64x64 images of 3 channels (10 classes)."""
    return ImageNetResNet((3, 4, 6, 3), num_classes, in_channels, bottleneck=True)
