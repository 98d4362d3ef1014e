"""Joint training of several exits by labels alone, as BranchyNet, MSDNet and a cascade do it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from s2dnas.training.losses import LossWeights, multi_exit_loss


@dataclass(frozen=True)
class JointLoss:
    """The sum over exits of ``alpha``_i times the cross-entropy of exit i; no ``alpha``: 1 each."""

    alpha: tuple[float, ...] = ()
    label_smoothing: float = 0.0

    def __call__(self, net: nn.Module, images: Tensor, labels: Tensor, _: torch.Generator) -> Tensor:
        """The scalar that the training loop minimises. Raises SettingsError if alpha is not one weight per exit."""
        weights = LossWeights(alpha=self.alpha, label_smoothing=self.label_smoothing)
        return multi_exit_loss(net(images), labels, None, weights)
