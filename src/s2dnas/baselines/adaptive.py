"""The contract of networks that decide for each sample what to compute, and have one classifier."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from s2dnas.exits import Outcomes
from s2dnas.network.counter import MacCounter


@dataclass(frozen=True, eq=False)
class Answer:
    """Logits (N, K) and the multiply-adds (N,), in float64, that each sample cost or would cost alone."""

    logits: Tensor
    macs: Tensor


class AdaptiveNet(nn.Module, ABC):
    """A network whose cost depends on the sample: ``macs_bounds`` are the least and the most macs of one.

    ``static_macs`` is the cost of the network without its gates or policy, with everything computed.
    """

    macs_bounds: tuple[float, float]
    static_macs: float

    @abstractmethod
    def run(self, x: Tensor, *, skip: bool) -> Answer:
        """Answer images (N, C, H, W). ``skip``: really leave out what is not needed, instead of multiplying by zero.

        In eval mode both give the same.
        """

    @abstractmethod
    def accounts(self, outcomes: Outcomes) -> dict[str, float]:
        """Shares, by name, that make up the method's mean cost on samples."""

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) to logits (N, K)."""
        return self.run(x, skip=False).logits


def module_macs(module: nn.Module, *inputs: Any) -> int:
    """Multiply-adds of one call in eval mode, for all samples of the inputs."""
    training = module.training
    module.eval()
    counter = MacCounter()
    with counter, torch.no_grad():
        module(*inputs)
    module.train(training)
    return counter.macs


def adaptive_outcomes(net: AdaptiveNet, batches: Iterable[tuple[Tensor, Tensor]], *, skip: bool = False) -> Outcomes:
    """Predictions and macs of all samples. Multiplying by zero, the default, is faster for large batches."""
    training = net.training
    net.eval()
    with torch.inference_mode():
        answers, labels = zip(*((net.run(images, skip=skip), labels) for images, labels in batches), strict=True)
    net.train(training)
    predictions = torch.cat([answer.logits.argmax(-1) for answer in answers]).cpu().numpy()
    macs = torch.cat([answer.macs for answer in answers]).double().cpu().numpy()
    return Outcomes(predictions, predictions * 0, macs, torch.cat(labels).cpu().numpy(), num_stages=1)
