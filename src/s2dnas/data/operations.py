"""The 14 operations of RandAugment (Cubuk et al. 2020), by kornia, with the ranges of torchvision's RandAugment."""

from collections.abc import Callable, Mapping
from functools import cache

from torch import Tensor

from s2dnas.extras import require_extra

Operation = Callable[[Tensor, Tensor], Tensor]
"""From images (N, C, H, W) with values in [0, 1] and strengths (N,) in [-1, 1] to images of the same shape and range.

The larger the absolute strength, the larger the change; some operations have no strength.
"""


@cache
def operations() -> Mapping[str, Operation]:
    """The operations by name. Raises MissingExtraError without kornia."""
    require_extra("data", "kornia")
    from kornia import enhance
    from kornia.geometry import transform

    adjust_saturation = enhance.adjust_saturation_with_gray_subtraction
    return {
        "identity": lambda images, _: images,
        "auto_contrast": lambda images, _: enhance.normalize_min_max(images),
        "equalize": lambda images, _: enhance.equalize(images),
        # The threshold is above 1 at strength 0, so that white stays white.
        "solarize": lambda images, s: enhance.solarize(images, 256 / 255 * (1 - s.abs())),
        "posterize": lambda images, s: enhance.posterize(images, 8 - (4 * s.abs()).round().int()),
        "brightness": lambda images, s: enhance.adjust_brightness_accumulative(images, 1 + 0.9 * s),
        "contrast": lambda images, s: enhance.adjust_contrast_with_mean_subtraction(images, 1 + 0.9 * s),
        # kornia refuses what is neither colour nor grey, and grey images have no saturation to change.
        "color": lambda images, s: adjust_saturation(images, 1 + 0.9 * s) if images.shape[1] == 3 else images,
        "sharpness": lambda images, s: enhance.sharpness(images, 1 + 0.9 * s),
        "rotate": lambda images, s: transform.rotate(images, 30 * s),
        "shear_x": lambda images, s: transform.shear(images, _along(0, 0.3 * s)),
        "shear_y": lambda images, s: transform.shear(images, _along(1, 0.3 * s)),
        "translate_x": lambda images, s: transform.translate(images, _along(0, 0.45 * images.shape[3] * s)),
        "translate_y": lambda images, s: transform.translate(images, _along(1, 0.45 * images.shape[2] * s)),
    }


def _along(axis: int, amount: Tensor) -> Tensor:
    """(N, 2) in x and y: the amount along one axis, 0 along the other."""
    pairs = amount.new_zeros(len(amount), 2)
    pairs[:, axis] = amount
    return pairs
