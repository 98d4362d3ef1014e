"""From pixels to what a bundle takes."""

import numpy as np
import numpy.typing as npt

from s2dnas.errors import DataError, SettingsError
from s2dnas.runtime.manifest import Manifest


def normalisation_of(manifest: Manifest) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel. Raises SettingsError where nobody has said how images are normalised."""
    if manifest.normalisation is None:
        raise SettingsError(
            "the bundle does not say how images are normalised, so files cannot be answered; give tensors, or save the "
            "network with normalisation=(mean, std) and export it again"
        )
    return manifest.normalisation


def prepare(pixels: npt.NDArray[np.uint8], manifest: Manifest) -> npt.NDArray[np.float32]:
    """Pixels (N, C, H, W), uint8, as images (N, C, H, W), normalised as the network was trained.

    Raises SettingsError if nobody has said how images are normalised, DataError for pixels of another shape or type.
    """
    mean, std = (np.array(values, np.float32)[:, None, None] for values in normalisation_of(manifest))
    if pixels.dtype != np.uint8 or pixels.shape[1:] != manifest.image_shape:
        raise DataError(
            f"pixels must be uint8 (N, {', '.join(map(str, manifest.image_shape))}), not {pixels.dtype} {pixels.shape}"
        )
    return (pixels.astype(np.float32) / np.float32(255) - mean) / std
