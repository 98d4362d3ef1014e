"""The loss of a network with several exits, from its logits."""

import torch
import torch.nn.functional as F
from torch import Tensor

from s2dnas.training.loss_weights import LossWeights


def multi_exit_loss(
    logits: Tensor, labels: Tensor, teacher: Tensor | None, weights: LossWeights, progress: float = 1.0
) -> Tensor:
    """The sum over stages of alpha_i * ((1 - d) * cross-entropy + d * distillation + ...).

    A sum, as in S2DNAS, not a mean: what only one stage uses gets the gradient that it would get alone.
    ``logits`` (S, N, K), ``labels`` (N,) or class probabilities (N, K), ``teacher`` (N, K) logits of the static
    network, or None for d = 0.
    ``progress`` is the share of the training that is done. Distillation as temperature-softened Kullback-Leibler
    divergence times T^2: Hinton et al. 2015.
    Raises SettingsError if alpha is not one weight per stage.
    """
    stages, samples, _ = logits.shape
    alpha = torch.as_tensor(weights.per_stage(stages, progress), device=logits.device)
    targets, smoothing = labels.repeat(stages, *[1] * (labels.ndim - 1)), weights.label_smoothing
    losses = F.cross_entropy(logits.flatten(0, 1), targets, reduction="none", label_smoothing=smoothing)
    losses = losses.view(stages, samples)
    if teacher is not None:
        distilled = _divergence(logits, teacher, weights.temperature)
        losses = (1 - weights.distillation) * losses + weights.distillation * distilled
    if weights.from_last > 0:
        gaps = _divergence(logits[:-1], logits[-1].detach(), weights.temperature)
        losses = torch.cat([losses[:-1] + weights.from_last * gaps, losses[-1:]])
    if weights.survivors > 0:
        losses = losses * _chance_to_arrive(logits.detach(), weights.survivors)
    return (alpha * losses.mean(dim=1)).sum()


def _chance_to_arrive(logits: Tensor, strength: float) -> Tensor:
    """Weights (S, N) with mean 1 in every stage: 1 - confidence of all earlier stages, mixed with equal weights."""
    unsure = 1 - logits.softmax(dim=-1).amax(dim=-1)
    arriving = torch.cat([torch.ones_like(unsure[:1]), unsure[:-1].cumprod(dim=0)])
    relative = arriving / arriving.mean(dim=1, keepdim=True).clamp_min(1e-6)
    return 1 - strength + strength * relative


def _divergence(students: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergences (S, N) of softened logits (S, N, K) from a teacher's (N, K), times T^2."""
    target = F.log_softmax(teacher.to(students) / temperature, dim=-1)  # in the students' precision
    own = F.log_softmax(students / temperature, dim=-1)
    return temperature**2 * F.kl_div(own, target.expand_as(own), reduction="none", log_target=True).sum(dim=-1)
