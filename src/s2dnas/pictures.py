"""Image files as arrays of pixels; needs Pillow and NumPy alone."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.errors import DataError

Pixels = npt.NDArray[np.uint8]

# Modes of more than 8 bits per value: converting them would clip.
_DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "F")


def decode_picture(encoded: Mapping[str, Any], size: tuple[int, int] | None = None, mode: str | None = None) -> Pixels:
    """An image as (H, W) if it is grey and (H, W, 3) otherwise, resized to ``size`` (H, W) if that is given.

    ``encoded`` holds the ``bytes`` of the file or its ``path``; ``mode`` "L" makes it grey, "RGB" coloured.
    Raises DataError if it cannot be read or has more than 8 bits per channel.
    """
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


def picture_for(encoded: Mapping[str, Any], image_shape: tuple[int, int, int]) -> Pixels:
    """An image (C, H, W) for a network that takes such: grey for one channel, in colour for three.

    Raises DataError as ``decode_picture`` does, and if the network takes another number of channels.
    """
    channels, height, width = image_shape
    if channels not in (1, 3):
        raise DataError(f"the network takes images of {channels} channels; image files have 1 or 3: give it tensors")
    pixels = decode_picture(encoded, (height, width), "L" if channels == 1 else "RGB")
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
