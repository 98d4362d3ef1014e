"""The best epoch of a training so far, which is its result; where the training started counts as epoch 0."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import fmean

import torch
from torch import Tensor, nn

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptEpoch:
    """Which epoch's weights are kept, 0 for the start; accuracies in [0, 1], by name, of it and of the start.

    Fresh weights are no start that could be kept: ``start`` is empty then. ``highest``: the highest mean accuracy.
    """

    epoch: int
    metrics: dict[str, float]
    start: dict[str, float]
    highest: float

    @property
    def accuracy(self) -> float:
        """The mean of its accuracies."""
        return fmean(self.metrics.values())


@dataclass(eq=False)
class BestEpoch:
    """The state of a module after the best epoch by mean accuracy; none where nothing is validated.

    That is the last one that beats the start and is not more than a standard error under the best, for accuracies on so
    many ``images``: the highest of many noisy numbers is often an early one by chance, while learning rates end low.
    """

    module: nn.Module
    images: int = 0
    kept: KeptEpoch | None = None
    state: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Keep the module's state after an epoch, if it is the best one by now."""
        if not metrics:
            return
        accuracy, kept = fmean(metrics.values()), self.kept
        if kept is None:
            self.take(KeptEpoch(epoch, dict(metrics), {} if epoch else dict(metrics), accuracy))
            return
        highest = max(kept.highest, accuracy)
        self.kept = replace(kept, highest=highest)
        beats_start = not kept.start or accuracy > fmean(kept.start.values())
        if beats_start and accuracy >= highest - self._error(highest):
            self.take(KeptEpoch(epoch, dict(metrics), kept.start, highest))

    def take(self, kept: KeptEpoch, state: Mapping[str, Tensor] | None = None) -> None:
        """Keep a state, the module's own if none is given."""
        self.kept = kept
        self.state = {name: tensor.clone() for name, tensor in (state or self.module.state_dict()).items()}

    @torch.no_grad()
    def restore(self, epochs: int) -> None:
        """Put what is kept into the module, which has trained so many epochs; it is said if that changes it."""
        if self.kept is None or self.kept.epoch == epochs:
            return
        self.module.load_state_dict(self.state)
        if self.kept.epoch:
            _log.info("epoch %d of %d is kept, with a mean accuracy of %.2f %%", self.kept.epoch, epochs, self._percent)
        else:
            _log.warning(
                "no epoch of the training was better than its start, with a mean accuracy of %.2f %%, so the start is "
                "kept; lower the learning rate, train longer, or compare epochs on more held-out images",
                self._percent,
            )

    @property
    def _percent(self) -> float:
        return 100 * self.kept.accuracy if self.kept else 0.0

    def _error(self, accuracy: float) -> float:
        """The standard error of an accuracy."""
        return math.sqrt(accuracy * (1 - accuracy) / self.images) if self.images else 0.0
