"""Networks that are finetuned: a small one as users write them, and a VGG-16 of a quarter of its width."""

from torch import nn

from s2dnas.models.init import he_normal


def small(num_classes: int, in_channels: int) -> nn.Module:
    """Two convolutions, for images of any size."""
    first = nn.Sequential(nn.Conv2d(in_channels, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.ReLU())
    second = nn.Sequential(nn.Conv2d(48, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(first, second, nn.Flatten(), nn.Linear(64, num_classes))


def thin_vgg16_bn(num_classes: int, in_channels: int) -> nn.Module:
    """For images of 32x32 at least; with the dropout of the wide one."""
    layers: list[nn.Module] = []
    for widths in ((16, 16), (32, 32), (64, 64, 64), (128, 128, 128), (128, 128, 128)):
        for width in widths:
            layers += [nn.Conv2d(in_channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            in_channels = width
        layers.append(nn.MaxPool2d(2))
    hidden = [nn.Linear(128, 128), nn.ReLU(), nn.Dropout(), nn.Linear(128, 128), nn.ReLU(), nn.Dropout()]
    made = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *hidden, nn.Linear(128, num_classes))
    he_normal(made)
    return made
