"""From pixels to what a bundle takes."""

import numpy as np
import numpy.typing as npt

from s2dnas.errors import DataError, SettingsError
from s2dnas.runtime.manifest import Manifest


def prepare(pixels: npt.NDArray[np.uint8], manifest: Manifest) -> npt.NDArray[np.float32]:
    """Pixels (N, C, H, W), uint8, as images (N, C, H, W), normalised as the network was trained.

    Raises SettingsError if nobody has said how images are normalised, DataError for pixels of another shape or type.
    """
    if manifest.normalisation is None:
        raise SettingsError(
            "the bundle does not say how images are normalised; save the network with normalisation=(mean, std), and "
            "export it again"
        )
    if pixels.dtype != np.uint8 or pixels.shape[1:] != manifest.image_shape:
        raise DataError(
            f"pixels must be uint8 (N, {', '.join(map(str, manifest.image_shape))}), not {pixels.dtype} {pixels.shape}"
        )
    mean, std = (np.array(values, np.float32)[:, None, None] for values in manifest.normalisation)
    return (pixels.astype(np.float32) / np.float32(255) - mean) / std
