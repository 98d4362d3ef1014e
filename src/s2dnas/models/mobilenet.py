"""MobileNetV2 (Sandler et al., 2018) for images of 32x32: the stem and the 24-channel blocks keep the image's size."""

from typing import cast

from torch import Tensor, nn

from s2dnas.models.init import he_normal

# Expansion, channels, blocks, stride of the first block.
_LAYERS = (
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """A 1x1 expansion, a depthwise convolution and a 1x1 projection; the input is added where shapes agree."""

    def __init__(self, in_channels: int, channels: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        expand = [_conv_bn(in_channels, hidden, 1), nn.ReLU6()] if expansion > 1 else []
        depthwise = [_conv_bn(hidden, hidden, 3, stride, groups=hidden), nn.ReLU6()]
        self.layers = nn.Sequential(*expand, *depthwise, _conv_bn(hidden, channels, 1))
        self.residual = stride == 1 and in_channels == channels

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, C, H, W) to features, fewer positions for a stride above 1."""
        out = cast(Tensor, self.layers(x))
        return x + out if self.residual else out


class MobileNetV2(nn.Module):
    """(N, C, H, W) images of any size to (N, K) logits."""

    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv_bn(in_channels, 32, 3), nn.ReLU6()]
        width = 32
        for expansion, channels, blocks, stride in _LAYERS:
            for block in range(blocks):
                layers.append(InvertedResidual(width, channels, expansion, stride if block == 0 else 1))
                width = channels
        self.features = nn.Sequential(*layers, _conv_bn(width, 1280, 1), nn.ReLU6())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, num_classes))
        he_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) to logits (N, K)."""
        return cast(Tensor, self.classifier(self.pool(self.features(x)).flatten(1)))


def _conv_bn(in_channels: int, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels))


def mobilenet_v2(num_classes: int, in_channels: int = 3) -> MobileNetV2:
    """2.24 M parameters, 88.0 M macs on 32x32 images of 3 channels."""
    return MobileNetV2(num_classes, in_channels)
