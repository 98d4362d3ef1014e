"""How BlockDrop's policy is trained: REINFORCE with a greedy baseline in a curriculum, then joint finetuning.

A right answer is worth 1 - (share of blocks kept)^2, a wrong one minus a penalty. Blocks are drawn from probabilities
that are moved towards a half; the reward of the decisions without any draw is the baseline.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s2dnas.baselines.blockdrop import BlockDropNet
from s2dnas.errors import require
from s2dnas.training.compute import at_least_single
from s2dnas.training.moment import Moment


@dataclass(frozen=True)
class BlockdropSettings:
    """``exploration``: with e of it, a block of probability p is drawn with e p + (1 - e) (1 - p).

    ``penalty`` of a wrong answer in the curriculum, ``finetuning_penalty`` afterwards: higher ones keep more blocks.
    ``curriculum``: the share of the first training until all blocks are under control.
    Raises SettingsError for a value out of range.
    """

    exploration: float = 0.8
    penalty: float = 1.0
    finetuning_penalty: float = 5.0
    curriculum: float = 0.5

    def __post_init__(self) -> None:
        rules = {
            "exploration": (0.5 < self.exploration < 1, "in (0.5, 1)"),
            "penalty": (self.penalty >= 0, "at least 0"),
            "finetuning_penalty": (self.finetuning_penalty >= 0, "at least 0"),
            "curriculum": (0 < self.curriculum <= 1, "in (0, 1]"),
        }
        require(self, rules)


@dataclass(frozen=True)
class CurriculumLoss:
    """The policy's loss; the last blocks come under its control first, the others are kept until it is their turn.

    Freeze the base for it: ``net.base.requires_grad_(False)``.
    """

    settings: BlockdropSettings

    def __call__(self, net: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        """The scalar that the training loop minimises for a BlockDropNet."""
        own = cast(BlockDropNet, net)
        controlled = self.controlled(own.base.num_blocks, moment.progress)
        trial = _Trial.draw(own, images, self.settings.exploration, controlled, moment.generator)
        with torch.no_grad():
            logits = at_least_single(own.base(images, trial.drawn, True))
        return trial.loss(own, images, labels, logits, self.settings.penalty)

    def controlled(self, num_blocks: int, progress: float) -> int:
        """How many blocks, from the last, are under control: at first one, then evenly more."""
        return min(num_blocks, 1 + int(progress / self.settings.curriculum * num_blocks))


@dataclass(frozen=True)
class FinetuningLoss:
    """Policy and base together: the policy's loss for all blocks, and the cross-entropy of what the drawn ones answer.

    Make the base trainable again for it: ``net.base.requires_grad_(True)``.
    """

    settings: BlockdropSettings

    def __call__(self, net: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        """The scalar that the training loop minimises for a BlockDropNet."""
        own = cast(BlockDropNet, net)
        trial = _Trial.draw(own, images, self.settings.exploration, own.base.num_blocks, moment.generator)
        logits = at_least_single(own.base(images, trial.drawn))
        policy_loss = trial.loss(own, images, labels, logits.detach(), self.settings.finetuning_penalty)
        return policy_loss + F.cross_entropy(logits, labels)


@dataclass(frozen=True, eq=False)
class _Trial:
    """Which blocks are kept (N, blocks) as drawn and without a draw, and the log-likelihood (N,) of what was drawn."""

    drawn: Tensor
    greedy: Tensor
    log_likelihood: Tensor

    @staticmethod
    def draw(
        net: BlockDropNet, images: Tensor, exploration: float, controlled: int, generator: torch.Generator
    ) -> "_Trial":
        """Keep or drop the ``controlled`` last blocks at random, explored as the settings say; keep the others."""
        keep = net.keep_probabilities(images)
        explored = exploration * keep + (1 - exploration) * (1 - keep)
        fixed = torch.arange(net.base.num_blocks, device=keep.device) < net.base.num_blocks - controlled
        drawn = torch.rand(keep.shape, generator=generator).to(keep) < explored
        likelihood = torch.where(drawn, explored, 1 - explored).masked_fill(fixed, 1)
        return _Trial(drawn | fixed, (keep >= 0.5) | fixed, likelihood.log().sum(1))

    def loss(self, net: BlockDropNet, images: Tensor, labels: Tensor, logits: Tensor, penalty: float) -> Tensor:
        """The self-critical policy gradient, as a loss, for the logits that the drawn blocks gave."""
        with torch.no_grad():
            greedy = at_least_single(net.base(images, self.greedy, True))
        advantage = blockdrop_reward(logits, labels, self.drawn, penalty) - blockdrop_reward(
            greedy, labels, self.greedy, penalty
        )
        return -(advantage * self.log_likelihood).mean()


def blockdrop_reward(logits: Tensor, labels: Tensor, kept: Tensor, penalty: float) -> Tensor:
    """(N,): 1 - (share of blocks kept)^2 for a right answer, ``-penalty`` for a wrong one.

    For ``labels`` as probabilities (N, K) it is the expected reward.
    """
    share, answers = kept.to(logits.dtype).mean(1), logits.argmax(1)
    right = labels.gather(1, answers[:, None])[:, 0] if labels.ndim == 2 else (answers == labels).to(share)
    return right * (1 - share**2) - (1 - right) * penalty
