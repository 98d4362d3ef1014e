"""An image file as the network takes it."""

import math
from io import BytesIO

from s2dnas.arrays import Images
from s2dnas.extras import require_extra
from s2dnas.pictures import picture_for
from s2dnas.runtime.manifest import Manifest
from s2dnas.runtime.preparing import normalisation_of, prepare
from s2dnas.serving.refusals import RequestError

MOST_PIXELS = 50_000_000
"""Of a file; a small one may unpack to more than fits in memory."""


def picture(content: bytes, manifest: Manifest) -> Images:
    """An image file, (1, C, H, W): resized and normalised. Raises DataError if it cannot be read, or is too large.

    Raises SettingsError, before it is decoded, where nobody has said how images are normalised, MissingExtraError
    without Pillow.
    """
    normalisation_of(manifest)
    require_extra("serve", "PIL")
    _refuse_large(content)
    return prepare(picture_for({"bytes": content}, manifest.image_shape)[None], manifest)


def _refuse_large(content: bytes) -> None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(content)) as file:
            size = file.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RequestError(f"the image is too large: {error}", 413) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise RequestError(f"this is no image that can be read ({error})") from error
    if math.prod(size) > MOST_PIXELS:
        raise RequestError(f"the image has {size} pixels, more than {MOST_PIXELS} in all; send a smaller one", 413)
