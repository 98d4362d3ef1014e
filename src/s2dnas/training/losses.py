"""What networks are trained for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2dnas.errors import SettingsError, require


@dataclass(frozen=True)
class LossWeights:
    """What each stage learns from, and how much each stage and sample counts.

    ``alpha`` per stage (empty: 1 each); a training that has an ``alpha_start`` goes from there to it, linearly.
    ``distillation`` in [0, 1] is the teacher's share, the labels have the rest;
    ``temperature`` softens both sides. ``from_last`` is added for every earlier stage: distillation from the last one.
    ``survivors`` in [0, 1]: from counting every sample alike in every stage to counting it by its chance to get there.
    ``features``: how strongly features are drawn to the static network's when a training begins; 0 when it ends.
    ``label_smoothing`` in [0, 1) is the share of the labels that is spread over all classes; in every training of a run
    and of a comparison, the static network's as well.
    Raises SettingsError for a value out of range.
    """

    alpha: tuple[float, ...] = ()
    alpha_start: tuple[float, ...] = ()
    distillation: float = 0.5
    temperature: float = 3.0
    from_last: float = 0.0
    features: float = 2.0
    survivors: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        rules = {
            "distillation": (0 <= self.distillation <= 1, "in [0, 1]"),
            "temperature": (0 < self.temperature < math.inf, "positive"),
            "from_last": (0 <= self.from_last < math.inf, "at least 0"),
            "features": (0 <= self.features < math.inf, "at least 0"),
            "survivors": (0 <= self.survivors <= 1, "in [0, 1]"),
            "label_smoothing": (0 <= self.label_smoothing < 1, "in [0, 1)"),
        }
        require(self, rules)

    def per_stage(self, num_stages: int, progress: float = 1.0) -> tuple[float, ...]:
        """S weights when a share of the training is done.

        Raises SettingsError if ``alpha`` or ``alpha_start`` does not hold as many, or none that counts.
        """
        end = _weights("alpha", self.alpha or (1.0,) * num_stages, num_stages)
        start = _weights("alpha_start", self.alpha_start or end, num_stages)
        return tuple((1 - progress) * a + progress * b for a, b in zip(start, end, strict=True))


def _weights(name: str, alpha: tuple[float, ...], num_stages: int) -> tuple[float, ...]:
    if len(alpha) != num_stages or not min(alpha) >= 0 or not 0 < sum(alpha) < math.inf:
        raise SettingsError(
            f"{name} is {alpha} for {num_stages} stages; give {num_stages} weights, none negative and not all 0, "
            "or none"
        )
    return alpha


@dataclass(frozen=True)
class LabelLoss:
    """The cross-entropy of a network with one answer; ``label_smoothing`` as in ``LossWeights``."""

    label_smoothing: float = 0.0

    def __call__(self, net: nn.Module, images: Tensor, labels: Tensor, _: torch.Generator) -> Tensor:
        """The scalar that the training loop minimises, for images (N, C, H, W) and labels (N,)."""
        return F.cross_entropy(net(images), labels, label_smoothing=self.label_smoothing)


def multi_exit_loss(
    logits: Tensor, labels: Tensor, teacher: Tensor | None, weights: LossWeights, progress: float = 1.0
) -> Tensor:
    """The sum over stages of alpha_i * ((1 - d) * cross-entropy + d * distillation + ...).

    A sum, as in S2DNAS, not a mean: what only one stage uses gets the gradient that it would get alone.
    ``logits`` (S, N, K), ``labels`` (N,), ``teacher`` (N, K) logits of the static network, or None for d = 0.
    ``progress`` is the share of the training that is done. Distillation as temperature-softened Kullback-Leibler
    divergence times T^2: Hinton et al. 2015.
    Raises SettingsError if alpha is not one weight per stage.
    """
    stages, samples, _ = logits.shape
    alpha = torch.as_tensor(weights.per_stage(stages, progress), device=logits.device)
    targets, smoothing = labels.repeat(stages), weights.label_smoothing
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


def feature_distillation(features: Mapping[str, Tensor], static: Mapping[str, Tensor]) -> Tensor:
    """How far features are from the static network's, of the same names and shapes: the mean over them of the squared
    error, relative to the variance of the static one, in single precision whatever theirs. 0 if there are none.

    Features as targets: Romero et al., FitNets, 2015. Here they need no adaptor, since every channel has its own.
    """
    gaps = [_relative_gap(value.float(), static[name].float()) for name, value in features.items()]
    return torch.stack(gaps).mean() if gaps else torch.zeros(())


def _relative_gap(value: Tensor, static: Tensor) -> Tensor:
    return F.mse_loss(value, static) / static.var().clamp_min(1e-12)


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
