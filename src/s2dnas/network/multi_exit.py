"""What every network with several exits offers: the contract that training and evaluation are written against."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class MultiExitNet(nn.Module, ABC):
    """A network with S classifiers. ``forward`` gives the logits of all stages, (S, N, K).

    ``macs`` holds S cumulative costs: entry j is the multiply-adds of one sample that leaves after stage j.
    """

    macs: tuple[float, ...]

    @property
    def num_stages(self) -> int:
        """S."""
        return len(self.macs)

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) to logits (S, N, K)."""
