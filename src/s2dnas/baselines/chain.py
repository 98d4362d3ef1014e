"""A multi-exit network that is a chain of modules, each from images and a carry to logits and the next carry."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from s2dnas.network.counter import MacCounter
from s2dnas.network.staged_net import Carry, StagedNet


class StageChain(StagedNet):
    """``stages[j]`` maps images and the carry to logits (N, K) and the next carry.

    Macs are counted on one image (C, H, W). It is in eval mode until it is trained.
    """

    def __init__(self, stages: Sequence[nn.Module], image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.eval()
        self.macs = _counted(stages, image_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) to the logits of all stages, (S, N, K)."""
        carry: Carry = ()
        logits = []
        for stage in self.stages:
            out, carry = stage(x, *carry)
            logits.append(out)
        return torch.stack(logits)

    def stage(self, index: int, x: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        """Run one stage on images (N, C, H, W) and the carry of the stage before."""
        logits, carry = self.stages[index](x, *carry)
        return logits, carry


def image_for(module: nn.Module, image_shape: tuple[int, int, int]) -> Tensor:
    """An empty image (1, C, H, W) of the type and on the device of a module's parameters."""
    return next(module.parameters()).new_zeros(1, *image_shape)


def _counted(stages: Sequence[nn.Module], image_shape: tuple[int, int, int]) -> tuple[float, ...]:
    """S cumulative macs of one image."""
    image, macs = image_for(stages[0], image_shape), []
    carry: Carry = ()
    with MacCounter() as counter, torch.no_grad():
        for stage in stages:
            _, carry = stage(image, *carry)
            macs.append(float(counter.macs))
    return tuple(macs)
