"""A static network as a chain of steps, of which some may be left out, sample by sample."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from s2dnas.baselines.shortcut import PaddedShortcut
from s2dnas.errors import ModelError
from s2dnas.models.mobilenet import InvertedResidual, MobileNetV2
from s2dnas.models.resnet import BasicBlock, ResNet


class Block(nn.Module):
    """A residual block that is its shortcut alone for samples that drop it."""

    def __init__(self, block: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.block, self.shortcut = copy.deepcopy(block), shortcut

    def forward(self, x: Tensor, kept: Tensor, skip: bool) -> Tensor:
        """(N, C, H, W) to the block's result where ``kept`` (N,) is true; ``skip`` runs it on those samples only."""
        dropped: Tensor = self.shortcut(x)
        if not skip:
            return torch.where(kept[:, None, None, None], self.block(x), dropped)
        if not kept.any():
            return dropped
        return dropped.index_copy(0, kept.nonzero()[:, 0], self.block(x[kept]))


class ResidualChain(nn.Module):
    """Copies of a network's modules, in order; ``num_blocks`` of them may be dropped.

    Raises ModelError for a network of a family whose residual blocks are not known here.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.steps = nn.ModuleList(_steps(model))
        self.num_blocks = sum(isinstance(step, Block) for step in self.steps)

    def forward(self, x: Tensor, kept: Tensor, skip: bool = False) -> Tensor:
        """Images (N, C, H, W) and the blocks that each sample keeps (N, num_blocks) to logits (N, K)."""
        decisions = iter(kept.unbind(1))
        for step in self.steps:
            x = step(x, next(decisions), skip) if isinstance(step, Block) else step(x)
        return x


def _steps(model: nn.Module) -> Iterator[nn.Module]:
    if isinstance(model, ResNet):
        yield _copies(model.conv1, model.bn1, nn.ReLU())
        for block in (module for module in model.modules() if isinstance(module, BasicBlock)):
            # A block's input is never negative, so that the activation behind its shortcut changes nothing.
            yield Block(block, PaddedShortcut(block.stride, block.new_channels))
        yield _copies(model.pool, nn.Flatten(), model.linear)
    elif isinstance(model, MobileNetV2):
        for step in model.features:
            residual = isinstance(step, InvertedResidual) and step.residual
            yield Block(step, nn.Identity()) if residual else copy.deepcopy(step)
        yield _copies(model.pool, nn.Flatten(), model.classifier)
    else:
        raise ModelError(
            f"BlockDrop drops residual blocks, and {type(model).__name__} has none of a kind that it knows (those of "
            "the ResNets and of MobileNetV2 that come with s2dnas); compare on one of these networks"
        )


def _copies(*modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(*map(copy.deepcopy, modules))
