"""Normalising the channels of images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from s2dnas.errors import DataError


@dataclass(frozen=True)
class ChannelStats:
    """Mean and standard deviation per channel, (C,) each, of pixel values from 0 to 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


IMAGENET_STATS = ChannelStats(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

# A pretrained network expects the statistics that it was trained with.
NAMED_STATS = {"imagenet": IMAGENET_STATS}


def channel_stats(images: Tensor) -> ChannelStats:
    """The statistics of (N, C, H, W) uint8 images. Raises DataError if a channel is constant."""
    means, stds = [], []
    values = torch.arange(256, dtype=torch.float64, device=images.device) / 255
    for channel, pixels in enumerate(images.unbind(1)):
        # Counting the 256 values is exact and needs no float copy of the data set.
        share = torch.bincount(pixels.flatten(), minlength=256).double() / pixels.numel()
        mean = float(share @ values)
        std = float(share @ (values - mean) ** 2) ** 0.5
        if std == 0:
            raise DataError(f"channel {channel} has the value {mean:.3f} in every pixel; remove that channel")
        means.append(mean)
        stds.append(std)
    return ChannelStats(tuple(means), tuple(stds))


def normalise(images: Tensor, stats: ChannelStats) -> Tensor:
    """(N, C, H, W) values from 0 to 1, shifted and scaled per channel. Raises DataError if C is not the statistics'."""
    if images.shape[1] != len(stats.mean):
        raise DataError(
            f"images have {images.shape[1]} channels, the statistics {len(stats.mean)}; "
            "use statistics measured on these images"
        )
    mean, std = (images.new_tensor(values)[:, None, None] for values in (stats.mean, stats.std))
    return (images - mean) / std
