"""Encoded images to one tensor."""

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from s2dnas.errors import DataError
from s2dnas.extras import require_extra

Pixels = npt.NDArray[np.uint8]

# Modes of more than 8 bits per value: converting them would clip.
_DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "F")


def decode(encoded: Iterable[Mapping[str, Any]], size: int | None) -> list[Pixels]:
    """Images as (H, W) if they are grey and (H, W, 3) otherwise, resized to ``size`` x ``size`` if that is given.

    ``encoded`` holds the ``bytes`` of each file or its ``path``.
    Raises DataError if an image cannot be read or has more than 8 bits per channel, MissingExtraError without Pillow.
    """
    require_extra("data", "PIL")
    square = None if size is None else (size, size)
    return [_decode(image, square, None) for image in encoded]


def decode_for(encoded: Iterable[Mapping[str, Any]], image_shape: tuple[int, int, int]) -> Tensor:
    """Images (N, C, H, W) uint8 for a network that takes images (C, H, W): grey for one channel, in colour for three.

    ``encoded`` holds the ``bytes`` of each file or its ``path``. Raises DataError if an image cannot be read or has
    more than 8 bits per channel, or if the network takes another number of channels.
    """
    require_extra("data", "PIL")
    channels, height, width = image_shape
    if channels not in (1, 3):
        raise DataError(f"the network takes images of {channels} channels; image files have 1 or 3: give it tensors")
    mode = "L" if channels == 1 else "RGB"
    return stack([_decode(image, (height, width), mode) for image in encoded], grey=channels == 1)


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


def _decode(encoded: Mapping[str, Any], size: tuple[int, int] | None, mode: str | None) -> Pixels:
    from PIL import Image

    content, path = encoded.get("bytes"), encoded.get("path")
    try:
        with Image.open(BytesIO(content) if content is not None else str(path)) as file:
            if file.mode in _DEEP_MODES:
                raise DataError(f"image {path or ''} has mode {file.mode}; convert it to 8 bits per channel")
            image = file.convert(mode or ("L" if file.mode in ("1", "L") else "RGB"))
        if size is not None:
            image = image.resize(size[::-1], Image.Resampling.BILINEAR)
        return np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"image {path or ''} cannot be read ({error}); remove or replace it") from error
