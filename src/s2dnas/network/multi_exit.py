"""What every network with several exits offers: the contract that training and evaluation are written against."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

Carry = tuple[Tensor, ...]


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


class StagedNet(MultiExitNet):
    """A multi-exit network that can stop: its stages run one after the other, later ones on fewer samples."""

    @abstractmethod
    def stage(self, index: int, x: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        """Run one stage, counted from 0, on images (N, C, H, W) and the features that earlier stages handed on.

        Gives logits (N, K) and the carry for the next stage: tensors with the samples along their first axis. The
        first stage takes an empty carry.
        """
