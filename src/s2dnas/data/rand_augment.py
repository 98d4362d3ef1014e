"""RandAugment (Cubuk et al. 2020): a few operations, drawn anew for each image.

kornia's own class draws one choice of operations for the whole batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from s2dnas.data.operations import operations


@dataclass(frozen=True)
class RandAugment:
    """``count`` different operations for each image, all of one strength in [0, 1], each with a random sign."""

    count: int
    strength: float

    def __call__(self, images: Tensor) -> Tensor:
        """New images (N, C, H, W) from images with values in [0, 1]. Draws from the global CPU generator."""
        table = list(operations().values())
        shape = (len(images), len(table))
        chosen = torch.rand(shape).argsort(dim=1) < self.count
        strengths = self.strength * (2 * torch.randint(2, shape) - 1)
        images = images.clone()
        # All images meet the operations in one random order, so that each operation is called once per batch.
        for index in torch.randperm(len(table)).tolist():
            rows = chosen[:, index].nonzero().squeeze(1)
            if len(rows):
                images[rows] = table[index](images[rows], strengths[rows, index].to(images))
        return images
