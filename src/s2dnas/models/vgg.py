"""VGG-16 with batch norm for images of 32x32 (Simonyan and Zisserman, 2015, configuration D, a narrower classifier)."""

from typing import cast

from torch import Tensor, nn

from s2dnas.models.init import he_normal

# Channels of the convolutions; a max pooling follows each row.
_WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGG(nn.Module):
    """(N, C, H, W) images, H and W at least 32 since they are halved five times, to (N, K) logits."""

    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for widths in _WIDTHS:
            for width in widths:
                layers += [nn.Conv2d(in_channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                in_channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        hidden = [nn.Linear(in_channels, 512), nn.ReLU(), nn.Dropout(), nn.Linear(512, 512), nn.ReLU(), nn.Dropout()]
        self.classifier = nn.Sequential(*hidden, nn.Linear(512, num_classes))
        he_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) to logits (N, K)."""
        return cast(Tensor, self.classifier(self.pool(self.features(x)).flatten(1)))


def vgg16_bn(num_classes: int, in_channels: int = 3) -> VGG:
    """15.3 M parameters, 313.7 M macs on 32x32 images of 3 channels. Needs images of at least 32x32."""
    return VGG(num_classes, in_channels)
