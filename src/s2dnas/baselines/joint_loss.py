"""Joint training of several exits by labels alone, as BranchyNet, MSDNet and a cascade do it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s2dnas.training.losses import LossWeights


@dataclass(frozen=True)
class JointLoss:
    """The sum over exits of ``alpha``_i times the cross-entropy of exit i; no ``alpha``: 1 each.

    A sum, not a mean: exits that share no parameters get the gradients that each would get alone.
    """

    alpha: tuple[float, ...] = ()

    def __call__(self, net: nn.Module, images: Tensor, labels: Tensor, _: torch.Generator) -> Tensor:
        """The scalar that the training loop minimises. Raises SettingsError if alpha is not one weight per exit."""
        logits = net(images)
        alpha = LossWeights(alpha=self.alpha).per_stage(len(logits))
        terms = [weight * F.cross_entropy(stage, labels) for weight, stage in zip(alpha, logits, strict=True)]
        return torch.stack(terms).sum()
