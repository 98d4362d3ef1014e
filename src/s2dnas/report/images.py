"""Images of a gallery as PNG tiles that a page can hold."""

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from s2dnas.errors import DataError
from s2dnas.extras import require_extra

if TYPE_CHECKING:
    from PIL import Image

TILE = 64


@dataclass(frozen=True)
class Gallery:
    """Images (N, C, H, W), uint8, grey (C = 1) or RGB (C = 3), with one caption each. Raises DataError otherwise."""

    images: npt.NDArray[np.uint8]
    captions: tuple[str, ...]

    def __post_init__(self) -> None:
        shape, kind = self.images.shape, self.images.dtype
        if len(shape) != 4 or shape[1] not in (1, 3) or kind != np.uint8 or 0 in shape[2:]:
            raise DataError(f"a gallery shows uint8 images (N, 1 or 3, H, W), not {kind} {shape}; convert them first")
        if shape[0] != len(self.captions):
            raise DataError(f"a gallery of {shape[0]} images has {len(self.captions)} captions; give one each")


@dataclass(frozen=True)
class Tile:
    """One image as a data URI, with its caption and size in pixels."""

    uri: str
    caption: str
    width: int
    height: int


def tiles(gallery: Gallery) -> tuple[Tile, ...]:
    """The images as PNG data URIs, about 64 pixels large: small ones by whole factors, so that pixels stay square.

    Raises MissingExtraError without Pillow.
    """
    require_extra("report", "PIL")
    return tuple(_tile(image, caption) for image, caption in zip(gallery.images, gallery.captions, strict=True))


def _tile(image: npt.NDArray[np.uint8], caption: str) -> Tile:
    picture = _resized(image)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    uri = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Tile(uri, caption, picture.width, picture.height)


def _resized(image: npt.NDArray[np.uint8]) -> "Image.Image":
    from PIL import Image

    planes = image[0] if image.shape[0] == 1 else image.transpose(1, 2, 0)
    picture = Image.fromarray(np.ascontiguousarray(planes))
    factor = TILE / max(picture.size)
    if factor >= 1:
        size = (picture.width * round(factor), picture.height * round(factor))
        return picture.resize(size, Image.Resampling.NEAREST)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.LANCZOS)
