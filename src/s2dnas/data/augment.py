"""Random changes of a whole batch of training images, on its device."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import cast

import torch
from torch import Tensor

from s2dnas.data.draws import drawing_from
from s2dnas.errors import require
from s2dnas.extras import require_extra

NUM_OPERATIONS = 14
MAX_MAGNITUDE = 30


@dataclass(frozen=True)
class Augmentation:
    """What is done to training images; 0 switches off what has a number.

    ``crop``: a window of the image padded by an eighth of its size with zeros. ``flip``: left and right exchanged,
    every second time; not for digits and letters. ``rand_augment``: so many of RandAugment's 14 operations are applied
    to each image, with ``magnitude`` out of 30. ``erasing``: the probability that a rectangle becomes black, whose
    area is between 0.02 and ``erased_area`` of the image's. ``mixup`` and ``cutmix``: the alpha of the Beta
    distribution by which two images are mixed; labels are then probabilities.
    Raises SettingsError for a value out of range.
    """

    crop: bool = True
    flip: bool = True
    rand_augment: int = 0
    magnitude: float = 9.0
    erasing: float = 0.0
    erased_area: float = 0.33
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        rules = {
            "rand_augment": (0 <= self.rand_augment <= NUM_OPERATIONS, f"from 0 to {NUM_OPERATIONS}"),
            "magnitude": (0 <= self.magnitude <= MAX_MAGNITUDE, f"from 0 to {MAX_MAGNITUDE}"),
            "erasing": (0 <= self.erasing <= 1, "in [0, 1]"),
            "erased_area": (0.02 <= self.erased_area <= 1, "in [0.02, 1]"),
            "mixup": (_is_alpha(self.mixup), "0 or at least 0.05"),
            "cutmix": (_is_alpha(self.cutmix), "0 or at least 0.05"),
        }
        require(self, rules)

    @property
    def mixes(self) -> bool:
        """Whether images are mixed, and labels with them."""
        return self.mixup > 0 or self.cutmix > 0


def _is_alpha(value: float) -> bool:
    # Draws from a Beta distribution of a smaller alpha underflow in single precision.
    return value == 0 or 0.05 <= value < math.inf


def augment(images: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Float images (N, C, H, W) with values in [0, 1], each changed in its own way, but not mixed.

    Equal generators give equal results. Raises MissingExtraError if something is to be changed without kornia.
    """
    with drawing_from(generator):
        for transform in _transforms(augmentation, images.shape[-2], images.shape[-1]):
            images = transform(images)
    return images


@cache
def _transforms(augmentation: Augmentation, height: int, width: int) -> tuple[Callable[[Tensor], Tensor], ...]:
    if not (augmentation.crop or augmentation.flip or augmentation.rand_augment or augmentation.erasing):
        return ()
    require_extra("data", "kornia")
    from kornia.augmentation import RandomCrop, RandomErasing, RandomHorizontalFlip

    from s2dnas.data.rand_augment import RandAugment

    transforms = []
    if augmentation.crop:
        transforms.append(RandomCrop((height, width), padding=(width // 8, height // 8), cropping_mode="slice"))
    if augmentation.flip:
        transforms.append(RandomHorizontalFlip(p=0.5))
    if augmentation.rand_augment:
        transforms.append(RandAugment(augmentation.rand_augment, augmentation.magnitude / MAX_MAGNITUDE))
    if augmentation.erasing:
        transforms.append(RandomErasing(scale=(0.02, augmentation.erased_area), p=augmentation.erasing))
    return cast(tuple[Callable[[Tensor], Tensor], ...], tuple(transforms))
