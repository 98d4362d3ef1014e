"""MSDNet for small images (Huang et al., ICLR 2018): dense connections at three scales, classifiers at the coarsest.

Train it with ``JointLoss()`` and leave by max probability, with thresholds of the q-family or our own.
Our choice: the last pooling of a classifier is global, so that images need not be of 32x32.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from s2dnas.baselines.chain import StageChain
from s2dnas.errors import require
from s2dnas.models.init import he_normal
from s2dnas.network.staged_net import Carry

MSDNET_CONFIDENCE = "max_probability"


@dataclass(frozen=True)
class MsdnetSettings:
    """The published sizes, except for ``blocks`` classifiers with ``base`` layers before the first.

    Each further block has ``step`` layers (``steps`` "even"), or ``step`` more than the one before, plus one in the
    first of them ("lin_grow"). ``growth_factors`` and ``bottleneck_factors`` hold one number per scale, the finest
    first; layers make ``growth`` times the scale's factor new channels. Raises SettingsError for a value out of range.
    """

    blocks: int = 5
    base: int = 1
    step: int = 1
    steps: Literal["even", "lin_grow"] = "lin_grow"
    channels: int = 16
    growth: int = 6
    growth_factors: tuple[int, ...] = (1, 2, 4)
    bottleneck_factors: tuple[int, ...] = (1, 2, 4)
    reduction: float = 0.5
    classifier_channels: int = 128

    def __post_init__(self) -> None:
        factors, scales = self.growth_factors, len(self.growth_factors)
        rules = {name: (getattr(self, name) >= 1, "at least 1") for name in _SIZES}
        rules |= {
            "blocks": (self.blocks >= 2, "at least 2"),
            "steps": (self.steps in ("even", "lin_grow"), "'even' or 'lin_grow'"),
            "growth": (self.growth >= 2, "at least 2, since two convolutions share the new channels"),
            "growth_factors": (scales >= 1 and min(factors) >= 1, "one number >= 1 per scale"),
            "bottleneck_factors": (
                len(self.bottleneck_factors) == scales and min(self.bottleneck_factors, default=1) >= 1,
                f"{scales} numbers >= 1, one per scale",
            ),
            "reduction": (0 < self.reduction <= 1, "in (0, 1]"),
        }
        require(self, rules)

    @property
    def layers(self) -> tuple[int, ...]:
        """The number of layers of each block."""
        growing = self.steps == "lin_grow"
        return (self.base, *(self.step * block + 1 if growing else self.step for block in range(1, self.blocks)))


_SIZES = ("base", "step", "channels", "classifier_channels")

MSDNETS: dict[str, MsdnetSettings] = {
    "anytime-7": MsdnetSettings(blocks=7, base=4, step=2, steps="even"),
    "anytime-10": MsdnetSettings(blocks=10, base=4, step=2, steps="even"),
    "budgeted-5": MsdnetSettings(blocks=5),
    "budgeted-7": MsdnetSettings(blocks=7),
}
"""The published configurations for CIFAR."""


def msdnet(settings: MsdnetSettings, num_classes: int, image_shape: tuple[int, int, int] = (3, 32, 32)) -> StageChain:
    """The network with fresh weights; the carry holds the features of all scales, the finest first."""
    writer = _Writer(settings)
    first: nn.Module = _FirstLayer(settings, image_shape[0])
    stages: list[nn.Module] = []
    for count in settings.layers:
        layers = [layer for _ in range(count) for layer in writer.layer()]
        classifier = _classifier(writer.coarsest, settings.classifier_channels, num_classes)
        stages.append(_Block(first if not stages else None, layers, classifier))
    net = StageChain(stages, image_shape)
    he_normal(net)
    return net


class _Writer:
    """Makes one layer after the other and counts the scales and channels that are left. Channels are for factor 1."""

    def __init__(self, settings: MsdnetSettings) -> None:
        self._settings, self._channels, self._made = settings, settings.channels, 0
        self._interval = math.ceil(sum(settings.layers) / len(settings.growth_factors))
        self._dropped = 0

    @property
    def coarsest(self) -> int:
        """Channels of the coarsest scale."""
        return self._channels * self._settings.growth_factors[-1]

    def layer(self) -> list[nn.Module]:
        """The next layer, and the transition that follows where the finest scale has been dropped."""
        settings, dropped = self._settings, self._made // self._interval
        layer = _Layer(settings, self._channels, self._dropped, dropped)
        self._channels += settings.growth
        self._made += 1
        made: list[nn.Module] = [layer]
        if dropped > self._dropped:
            reduced = math.floor(settings.reduction * self._channels)
            factors = settings.growth_factors[dropped:]
            made.append(_PerScale([_conv_bn(self._channels * f, reduced * f, 1) for f in factors]))
            self._channels, self._dropped = reduced, dropped
        return made


class _Block(nn.Module):
    """Layers and a classifier: one stage. The first one makes the scales from the image."""

    def __init__(self, first: nn.Module | None, layers: Sequence[nn.Module], classifier: nn.Module) -> None:
        super().__init__()
        self.first, self.layers, self.classifier = first, nn.ModuleList(layers), classifier

    def forward(self, x: Tensor, *carry: Tensor) -> tuple[Tensor, Carry]:
        scales = list(carry) if self.first is None else self.first(x)
        for layer in self.layers:
            scales = layer(scales)
        return self.classifier(scales[-1]), tuple(scales)


class _FirstLayer(nn.Module):
    """A 3x3 convolution per scale: the finest from the image, each other from the one before, with stride 2."""

    def __init__(self, settings: MsdnetSettings, in_channels: int) -> None:
        super().__init__()
        widths = [settings.channels * factor for factor in settings.growth_factors]
        before, strides = [in_channels, *widths], [1] + [2] * (len(widths) - 1)
        self.convs = nn.ModuleList(map(_conv_bn, before, widths, [3] * len(widths), strides))

    def forward(self, x: Tensor) -> list[Tensor]:
        scales = []
        for conv in self.convs:
            x = conv(x)
            scales.append(x)
        return scales


class _Layer(nn.Module):
    """New channels for every scale, concatenated to those that are there; scales may be dropped, the finest first.

    A scale with a finer neighbour gets half of them from there, by a convolution of stride 2.
    """

    def __init__(self, settings: MsdnetSettings, channels: int, dropped_before: int, dropped: int) -> None:
        super().__init__()
        factors, bottlenecks = settings.growth_factors, settings.bottleneck_factors
        self.dropped = dropped - dropped_before
        self.same, self.down = nn.ModuleList(), nn.ModuleList()
        for scale in range(dropped, len(factors)):
            new, has_finer = settings.growth * factors[scale], scale > dropped_before
            own = new - new // 2 if has_finer else new
            self.same.append(_bottleneck(channels * factors[scale], own, bottlenecks[scale], stride=1))
            if has_finer:
                finer = channels * factors[scale - 1]
                self.down.append(_bottleneck(finer, new // 2, bottlenecks[scale - 1], stride=2))

    def forward(self, scales: list[Tensor]) -> list[Tensor]:
        kept = scales[self.dropped :]
        # The finest scale that was there before has no finer neighbour.
        strided: list[list[Tensor]] = [[]] * (len(kept) - len(self.down))
        strided += [[down(finer)] for down, finer in zip(self.down, scales, strict=False)]
        return [torch.cat([x, *new, same(x)], 1) for x, new, same in zip(kept, strided, self.same, strict=True)]


class _PerScale(nn.Module):
    """A module of its own for each scale."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.of_scale = nn.ModuleList(modules)

    def forward(self, scales: list[Tensor]) -> list[Tensor]:
        return [module(x) for module, x in zip(self.of_scale, scales, strict=True)]


def _bottleneck(in_channels: int, channels: int, factor: int, stride: int) -> nn.Sequential:
    inner = min(in_channels, factor * channels)
    return nn.Sequential(_conv_bn(in_channels, inner, 1), _conv_bn(inner, channels, 3, stride))


def _classifier(in_channels: int, channels: int, num_classes: int) -> nn.Sequential:
    convs = [_conv_bn(in_channels, channels, 3, 2), _conv_bn(channels, channels, 3, 2)]
    return nn.Sequential(*convs, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))


def _conv_bn(in_channels: int, channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU())
