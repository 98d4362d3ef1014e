"""What the network of a plan is trained for: the labels, the static network's answers and its features."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from s2dnas.errors import SettingsError
from s2dnas.masked.features import Features
from s2dnas.masked.mode import Mode
from s2dnas.masked.shared import MaskedNet, static_network
from s2dnas.training.compute import at_least_single
from s2dnas.training.feature_distillation import feature_distillation
from s2dnas.training.loss_weights import LossWeights
from s2dnas.training.moment import Moment
from s2dnas.training.multi_exit_loss import multi_exit_loss


class StageLoss:
    """The loss of all stages of a network, ``loss(net, images, labels, moment)``; the defaults are the command line's.

    ``teacher`` gives logits (N, K) to distil; None: those of the static network that a MaskedNet was made from.
    ``weights`` say how much labels, distillation and features count. Over the share ``fade`` of the training the
    weights that the plan forbids are faded out; ``carry_gradient`` in [0, 1] is how much of the gradient from later
    stages reaches the features of earlier ones. Features, ``fade`` and ``carry_gradient`` need a MaskedNet: a staged
    network holds parts of features only. Raises SettingsError if ``fade`` or ``carry_gradient`` is out of range.
    """

    def __init__(
        self,
        teacher: nn.Module | None = None,
        weights: LossWeights | None = None,
        *,
        fade: float = 0.0,
        carry_gradient: float = 1.0,
    ) -> None:
        if not (0 <= fade <= 1 and 0 <= carry_gradient <= 1):
            raise SettingsError(f"fade and carry_gradient must lie in [0, 1], not {fade} and {carry_gradient}")
        self.teacher, self.weights = teacher, weights or LossWeights()
        self.fade, self.carry_gradient = fade, carry_gradient
        self._static: MaskedNet | None = None

    def __call__(self, net: nn.Module, images: Tensor, labels: Tensor, moment: Moment | None = None) -> Tensor:
        """The scalar to minimise, for images (N, C, H, W) and labels (N,) or class probabilities (N, K).

        Without a ``moment``: as at the end of a training. Raises SettingsError if the network cannot be trained so.
        """
        progress = 1.0 if moment is None else moment.progress
        if not isinstance(net, MaskedNet):
            self._refuse_what_needs_masks()
            return self._of_logits(net(images), images, labels, progress)
        mode = Mode(leak=self._leak(progress), carry_gradient=self.carry_gradient)
        if not self.weights.features:
            return self._of_logits(net(images, mode), images, labels, progress, net)
        return self._with_features(net, images, labels, mode, progress)

    def _with_features(self, net: MaskedNet, images: Tensor, labels: Tensor, mode: Mode, progress: float) -> Tensor:
        own, theirs = Features(net.graph), Features(net.graph)
        with torch.no_grad():
            answers = self._static_of(net, images)(images, Mode(observer=theirs))[0]
            if self.teacher is not None:
                answers = self.teacher(images)
        logits = at_least_single(net(images, replace(mode, observer=own)))
        distance = feature_distillation(own.noted, theirs.noted)
        loss = multi_exit_loss(logits, labels, at_least_single(answers), self.weights, progress)
        return loss + self.weights.features * (1 - progress) * distance

    def _of_logits(
        self, logits: Tensor, images: Tensor, labels: Tensor, progress: float, net: MaskedNet | None = None
    ) -> Tensor:
        answers = self._answers(images, net) if self.weights.distillation > 0 else None
        return multi_exit_loss(at_least_single(logits), labels, answers, self.weights, progress)

    def _answers(self, images: Tensor, net: MaskedNet | None) -> Tensor:
        """The teacher's logits (N, K), without a gradient."""
        with torch.no_grad():
            if self.teacher is not None:
                return at_least_single(self.teacher(images))
            if net is None:
                raise SettingsError(
                    "distillation needs a teacher for a network that is not masked; give StageLoss(teacher=...), or "
                    "LossWeights(distillation=0)"
                )
            return at_least_single(self._static_of(net, images)(images)[0])

    def _static_of(self, net: MaskedNet, images: Tensor) -> MaskedNet:
        """The static network that a masked one was made from, where the images are."""
        if self._static is None or self._static.graph is not net.graph:
            self._static = static_network(net.graph)
        return self._static.to(images.device)

    def _leak(self, progress: float) -> float:
        return max(0.0, 1 - progress / self.fade) if self.fade else 0.0

    def _refuse_what_needs_masks(self) -> None:
        needing = {"features": self.weights.features, "fade": self.fade, "carry_gradient": 1 - self.carry_gradient}
        if wanted := [name for name, strength in needing.items() if strength]:
            raise SettingsError(
                f"{', '.join(wanted)} need the masked network, which `trainable` gives; for another network take "
                "StageLoss(teacher, LossWeights(features=0))"
            )
