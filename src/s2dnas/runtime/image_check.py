"""Images are looked at before a bundle is run on them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.errors import DataError
from s2dnas.runtime.manifest import Manifest


def checked_images(images: npt.NDArray[np.float32], manifest: Manifest) -> npt.NDArray[np.float32]:
    """Images (N, C, H, W), contiguous. Raises DataError if they have another shape or type than a bundle takes."""
    shape, dtype = manifest.image_shape, manifest.image_dtype
    given: Any = images
    if not isinstance(given, np.ndarray) or given.dtype != dtype or given.shape[1:] != shape:
        found = f"{given.dtype} {given.shape}" if isinstance(given, np.ndarray) else type(given).__name__
        raise DataError(
            f"images must be an array of {dtype} (N, {', '.join(map(str, shape))}), normalised as in training, "
            f"not {found}; convert them with images.astype(numpy.{dtype})"
        )
    return np.ascontiguousarray(images)
