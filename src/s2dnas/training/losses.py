"""What a multi-exit network is trained for."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from s2dnas.errors import SettingsError, require


@dataclass(frozen=True)
class LossWeights:
    """How stages and teacher count: ``alpha`` per stage (empty: 1 each), ``distillation`` in [0, 1].

    ``temperature`` softens both sides of the distillation. Raises SettingsError for a value out of range.
    """

    alpha: tuple[float, ...] = ()
    distillation: float = 0.5
    temperature: float = 3.0

    def __post_init__(self) -> None:
        rules = {
            "distillation": (0 <= self.distillation <= 1, "in [0, 1]"),
            "temperature": (0 < self.temperature < math.inf, "positive"),
        }
        require(self, rules)

    def per_stage(self, num_stages: int) -> tuple[float, ...]:
        """S weights. Raises SettingsError if ``alpha`` does not hold as many, or none that counts."""
        alpha = self.alpha or (1.0,) * num_stages
        if len(alpha) != num_stages or not min(alpha) >= 0 or not 0 < sum(alpha) < math.inf:
            raise SettingsError(
                f"alpha is {alpha} for {num_stages} stages; give {num_stages} weights, none negative and not all 0, "
                "or none"
            )
        return alpha


def multi_exit_loss(logits: Tensor, labels: Tensor, teacher: Tensor | None, weights: LossWeights) -> Tensor:
    """The sum over stages of alpha_i * ((1 - d) * cross-entropy + d * distillation), divided by sum alpha_i.

    ``logits`` (S, N, K), ``labels`` (N,), ``teacher`` (N, K) logits of the static network, or None for d = 0.
    Cross-entropies weighted by alpha_i: S2DNAS; distillation as temperature-softened Kullback-Leibler divergence
    times T^2: Hinton et al. 2015. Raises SettingsError if alpha is not one weight per stage.
    """
    alpha = torch.as_tensor(weights.per_stage(len(logits)), device=logits.device)
    distil = weights.distillation if teacher is not None else 0.0
    terms = [
        a * ((1 - distil) * F.cross_entropy(stage, labels) + distil * _divergence(stage, teacher, weights.temperature))
        for a, stage in zip(alpha, logits, strict=True)
    ]
    return torch.stack(terms).sum() / alpha.sum()


def _divergence(student: Tensor, teacher: Tensor | None, temperature: float) -> Tensor:
    if teacher is None:
        return student.new_zeros(())
    target = F.log_softmax(teacher / temperature, dim=-1)
    return temperature**2 * F.kl_div(
        F.log_softmax(student / temperature, dim=-1), target, reduction="batchmean", log_target=True
    )
