"""One pass over labelled images, in normalised batches."""

from collections.abc import Iterator

import torch
from torch import Tensor

from s2dnas.data.augment import Augmentation, augment
from s2dnas.data.images import ImageData
from s2dnas.data.mixing import mix
from s2dnas.data.normalise import ChannelStats, normalise
from s2dnas.errors import SettingsError


def num_batches(num_samples: int, batch_size: int, *, training: bool) -> int:
    """The number of batches in one pass. Raises SettingsError if ``batch_size`` is not positive."""
    if batch_size < 1:
        raise SettingsError(f"batch_size is {batch_size}; give at least 1")
    # Batch norm would learn from a tiny last batch as much as from a full one.
    return max(1, num_samples // batch_size) if training else -(-num_samples // batch_size)


def training_batches(
    data: ImageData,
    stats: ChannelStats,
    batch_size: int,
    augmentation: Augmentation,
    generator: torch.Generator,
    device: torch.device | str,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented images (N, C, H, W), channels last, and labels (N,) int64, in an order drawn from the generator.

    Where the augmentation mixes images, labels are probabilities (N, K) instead; ``F.cross_entropy`` takes both.
    An incomplete last batch is dropped, unless it is the only one.
    Raises SettingsError if ``batch_size`` is not positive.
    """
    count = num_batches(len(data), batch_size, training=True)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(data), generator=generator, device=generator.device)
        for indices in torch.split(order.to(data.labels.device), batch_size)[:count]:
            pixels = augment(_pixels(data.images[indices], device), augmentation, generator)
            labels = data.labels[indices].to(device)
            if augmentation.mixes:
                pixels, labels = mix(pixels, labels, data.num_classes, augmentation, generator)
            yield _ready(pixels, stats), labels

    return batches()


def plain_batches(
    data: ImageData, stats: ChannelStats, batch_size: int, device: torch.device | str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Images (N, C, H, W), channels last, and labels (N,): every sample once, in order.

    Raises SettingsError if ``batch_size`` is not positive.
    """
    num_batches(len(data), batch_size, training=False)
    pairs = zip(torch.split(data.images, batch_size), torch.split(data.labels, batch_size), strict=True)
    return ((_ready(_pixels(images, device), stats), labels.to(device)) for images, labels in pairs)


def _pixels(images: Tensor, device: torch.device | str) -> Tensor:
    return images.to(device).float() / 255


def _ready(pixels: Tensor, stats: ChannelStats) -> Tensor:
    return normalise(pixels, stats).contiguous(memory_format=torch.channels_last)
