"""One encoded image to pixels, without torch."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.errors import DataError

Pixels = npt.NDArray[np.uint8]

# Modes of more than 8 bits per value: converting them would clip.
_DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "F")


def mode_for(channels: int) -> str:
    """How Pillow calls images of so many channels. Raises DataError if image files have another number."""
    if channels not in (1, 3):
        raise DataError(f"the network takes images of {channels} channels; image files have 1 or 3: give it tensors")
    return "L" if channels == 1 else "RGB"


def decode_image(encoded: Mapping[str, Any], size: tuple[int, int] | None, mode: str | None) -> Pixels:
    """An image as (H, W) if its mode is grey and (H, W, 3) otherwise; without a ``mode`` it keeps being grey or not.

    ``encoded`` holds the ``bytes`` of a file or its ``path``; ``size`` is the (H, W) that it is resized to.
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
