"""Random crops and flips of a whole batch, on its device."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import cast

import torch
from torch import Tensor

from s2dnas.extras import require_extra


@dataclass(frozen=True)
class Augmentation:
    """What may be done to a training image without changing its class.

    ``crop``: a window of the image padded by an eighth of its size with zeros. ``flip``: left and right exchanged,
    every second time; not for digits and letters.
    """

    crop: bool = True
    flip: bool = True


def augment(images: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Float images (N, C, H, W), each changed in its own way; equal generators give equal results.

    Raises MissingExtraError if something is to be changed without kornia.
    """
    seed = int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))
    # kornia draws on the CPU from the global generator, which must be left as it was found.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for transform in _transforms(augmentation, images.shape[-2], images.shape[-1]):
            images = transform(images)
    return images


@cache
def _transforms(augmentation: Augmentation, height: int, width: int) -> tuple[Callable[[Tensor], Tensor], ...]:
    require_extra("data", "kornia")
    from kornia.augmentation import RandomCrop, RandomHorizontalFlip

    transforms = []
    if augmentation.crop:
        transforms.append(RandomCrop((height, width), padding=(width // 8, height // 8), cropping_mode="slice"))
    if augmentation.flip:
        transforms.append(RandomHorizontalFlip(p=0.5))
    return cast(tuple[Callable[[Tensor], Tensor], ...], tuple(transforms))
