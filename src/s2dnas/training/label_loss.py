"""The loss of a network with one answer."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from s2dnas.training.compute import at_least_single
from s2dnas.training.moment import Moment


@dataclass(frozen=True)
class LabelLoss:
    """Cross-entropy; ``label_smoothing`` as in ``LossWeights``."""

    label_smoothing: float = 0.0

    def __call__(self, net: nn.Module, images: Tensor, labels: Tensor, moment: Moment | None = None) -> Tensor:  # noqa: ARG002
        """The scalar to minimise, for images (N, C, H, W) and labels (N,) or class probabilities (N, K)."""
        return F.cross_entropy(at_least_single(net(images)), labels, label_smoothing=self.label_smoothing)
