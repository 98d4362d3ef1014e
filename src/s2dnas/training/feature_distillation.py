"""Features drawn to those of the static network."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor


def feature_distillation(features: Mapping[str, Tensor], static: Mapping[str, Tensor]) -> Tensor:
    """How far features are from the static network's, of the same names and shapes: the mean over them of the squared
    error, relative to the variance of the static one, in single precision whatever theirs. 0 if there are none.

    Features as targets: Romero et al., FitNets, 2015. Here they need no adaptor, since every channel has its own.
    """
    gaps = [_relative_gap(value.float(), static[name].float()) for name, value in features.items()]
    return torch.stack(gaps).mean() if gaps else torch.zeros(())


def _relative_gap(value: Tensor, static: Tensor) -> Tensor:
    return F.mse_loss(value, static) / static.var().clamp_min(1e-12)
