"""What a shared network is trained for: plans, one drawn for each step."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from s2dnas.space.plan import Plan
from s2dnas.space.profiles import draw_around_a_profile
from s2dnas.space.space import SearchSpace
from s2dnas.training.compute import at_least_single
from s2dnas.training.loss_weights import LossWeights
from s2dnas.training.moment import Moment
from s2dnas.training.multi_exit_loss import multi_exit_loss

PlanSampler = Callable[[torch.Generator], Plan]
"""A plan that is drawn with a generator, and with nothing else that is random."""


def around_profiles(space: SearchSpace) -> PlanSampler:
    """Plans drawn around random profiles: thin and wide stages, dense and sparse re-use, all equally often."""

    def draw(generator: torch.Generator) -> Plan:
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
        return draw_around_a_profile(space, rng)

    return draw


@dataclass(frozen=True, eq=False)
class SharedLoss:
    """The loss of a plan that is drawn for the batch; ``teacher`` gives logits (N, K), where some are distilled."""

    draw: PlanSampler
    teacher: nn.Module
    weights: LossWeights

    def __call__(self, net: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        """The scalar to minimise, for images (N, C, H, W) and labels (N,) or class probabilities (N, K)."""
        logits = at_least_single(net(images, self.draw(moment.generator)))
        answers: Tensor | None = None
        if self.weights.distillation > 0:
            with torch.no_grad():
                answers = at_least_single(self.teacher(images))
        return multi_exit_loss(logits, labels, answers, self.weights)
