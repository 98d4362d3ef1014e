"""What a shared network is trained for: all plans of a space, one drawn for each step."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from s2dnas.space.profiles import draw_around_a_profile
from s2dnas.space.space import SearchSpace
from s2dnas.training.compute import at_least_single
from s2dnas.training.loss_weights import LossWeights
from s2dnas.training.moment import Moment
from s2dnas.training.multi_exit_loss import multi_exit_loss


@dataclass(frozen=True, eq=False)
class SharedLoss:
    """The loss of a plan drawn around a random profile; ``teacher`` gives logits (N, K), where some are distilled."""

    space: SearchSpace
    teacher: nn.Module
    weights: LossWeights

    def __call__(self, net: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        """The scalar to minimise, for images (N, C, H, W) and labels (N,) or class probabilities (N, K)."""
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=moment.generator)))
        logits = at_least_single(net(images, draw_around_a_profile(self.space, rng)))
        answers: Tensor | None = None
        if self.weights.distillation > 0:
            with torch.no_grad():
                answers = at_least_single(self.teacher(images))
        return multi_exit_loss(logits, labels, answers, self.weights)
