"""When in a training a loss is called."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Moment:
    """``progress`` in [0, 1] is the share of the training that is done; losses draw from ``generator``."""

    progress: float = 1.0
    generator: torch.Generator = field(default_factory=torch.Generator)


Loss = Callable[[nn.Module, Tensor, Tensor, Moment], Tensor]
"""A scalar to minimise, for a network, images (N, C, H, W), labels (N,) or class probabilities (N, K), and a moment."""
