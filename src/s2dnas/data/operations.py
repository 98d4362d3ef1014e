"""The 14 operations of RandAugment (Cubuk et al. 2020), by kornia, with the ranges of torchvision's RandAugment."""

from collections.abc import Callable, Mapping

from kornia import enhance
from kornia.geometry import transform
from torch import Tensor

Operation = Callable[[Tensor, Tensor], Tensor]
"""From images (N, C, H, W) with values in [0, 1] and strengths (N,) in [-1, 1] to images of the same shape and range.

The larger the absolute strength, the larger the change; some operations have no strength.
"""


def _identity(images: Tensor, _: Tensor) -> Tensor:
    return images


def _auto_contrast(images: Tensor, _: Tensor) -> Tensor:
    return enhance.normalize_min_max(images)


def _equalize(images: Tensor, _: Tensor) -> Tensor:
    return enhance.equalize(images)


def _solarize(images: Tensor, strength: Tensor) -> Tensor:
    # The threshold is above 1 at strength 0, so that white stays white.
    return enhance.solarize(images, 256 / 255 * (1 - strength.abs()))


def _posterize(images: Tensor, strength: Tensor) -> Tensor:
    return enhance.posterize(images, 8 - (4 * strength.abs()).round().int())


def _brightness(images: Tensor, strength: Tensor) -> Tensor:
    return enhance.adjust_brightness_accumulative(images, 1 + 0.9 * strength)


def _contrast(images: Tensor, strength: Tensor) -> Tensor:
    return enhance.adjust_contrast_with_mean_subtraction(images, 1 + 0.9 * strength)


def _color(images: Tensor, strength: Tensor) -> Tensor:
    if images.shape[1] != 3:
        return images  # no colour to change
    return enhance.adjust_saturation_with_gray_subtraction(images, 1 + 0.9 * strength)


def _sharpness(images: Tensor, strength: Tensor) -> Tensor:
    return enhance.sharpness(images, 1 + 0.9 * strength)


def _rotate(images: Tensor, strength: Tensor) -> Tensor:
    return transform.rotate(images, 30 * strength)


def _shear_x(images: Tensor, strength: Tensor) -> Tensor:
    return transform.shear(images, _pairs(0.3 * strength, 0))


def _shear_y(images: Tensor, strength: Tensor) -> Tensor:
    return transform.shear(images, _pairs(0.3 * strength, 1))


def _translate_x(images: Tensor, strength: Tensor) -> Tensor:
    return transform.translate(images, _pairs(0.45 * images.shape[3] * strength, 0))


def _translate_y(images: Tensor, strength: Tensor) -> Tensor:
    return transform.translate(images, _pairs(0.45 * images.shape[2] * strength, 1))


def _pairs(amount: Tensor, axis: int) -> Tensor:
    """(N, 2) in x and y, with the amount along one axis and 0 along the other."""
    pairs = amount.new_zeros(len(amount), 2)
    pairs[:, axis] = amount
    return pairs


OPERATIONS: Mapping[str, Operation] = {
    "identity": _identity,
    "auto_contrast": _auto_contrast,
    "equalize": _equalize,
    "solarize": _solarize,
    "posterize": _posterize,
    "brightness": _brightness,
    "contrast": _contrast,
    "color": _color,
    "sharpness": _sharpness,
    "rotate": _rotate,
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
}
