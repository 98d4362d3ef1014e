"""Encoded images to one tensor."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s2dnas.errors import DataError
from s2dnas.extras import require_extra
from s2dnas.pixels import Pixels, decode_image, mode_for


def decode(encoded: Iterable[Mapping[str, Any]], size: int | None) -> list[Pixels]:
    """Images as (H, W) if they are grey and (H, W, 3) otherwise, resized to ``size`` x ``size`` if that is given.

    ``encoded`` holds the ``bytes`` of each file or its ``path``.
    Raises DataError if an image cannot be read or has more than 8 bits per channel, MissingExtraError without Pillow.
    """
    require_extra("data", "PIL")
    square = None if size is None else (size, size)
    return [decode_image(image, square, None) for image in encoded]


def decode_for(encoded: Iterable[Mapping[str, Any]], image_shape: tuple[int, int, int]) -> Tensor:
    """Images (N, C, H, W) uint8 for a network that takes images (C, H, W): grey for one channel, in colour for three.

    ``encoded`` holds the ``bytes`` of each file or its ``path``. Raises DataError if an image cannot be read or has
    more than 8 bits per channel, or if the network takes another number of channels.
    """
    require_extra("data", "PIL")
    channels, height, width = image_shape
    mode = mode_for(channels)
    return stack([decode_image(image, (height, width), mode) for image in encoded], grey=channels == 1)


def stack(images: list[Pixels], *, grey: bool) -> Tensor:
    """Decoded images as (N, C, H, W) uint8, C = 1 if ``grey`` and 3 otherwise. Raises DataError if sizes differ."""
    sizes = sorted({image.shape[:2] for image in images})
    if len(sizes) > 1:
        raise DataError(
            f"images have {len(sizes)} sizes, from {sizes[0]} to {sizes[-1]} (height, width); "
            "give the `size` that all are resized to"
        )
    if grey:
        return torch.from_numpy(np.stack(images)).unsqueeze(1)
    # One copy into channels-first memory; grey images are broadcast to three channels.
    pixels = np.empty((len(images), 3, *sizes[0]), np.uint8)
    for place, image in zip(pixels, images, strict=True):
        place[:] = image if image.ndim == 2 else image.transpose(2, 0, 1)
    return torch.from_numpy(pixels)
