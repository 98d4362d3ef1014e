"""LCCL (Dong et al., CVPR 2017): a cheap gate beside each convolution says where its result would be zero anyway.

A pre-activation ResNet with the depth and the widths of a given ResNet, trained from fresh weights: those of the
given one, whose activations stand elsewhere, do not fit. The gates save single positions, which is hard to turn into
time; ``skip`` shows that it can be done.
"""

import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s2dnas.baselines.adaptive import AdaptiveNet, Answer, module_macs
from s2dnas.baselines.chain import image_for
from s2dnas.baselines.shortcut import PaddedShortcut
from s2dnas.baselines.sparse_conv import sparse_conv
from s2dnas.errors import ModelError, require
from s2dnas.exits import Outcomes, mean_cost
from s2dnas.models.init import he_normal
from s2dnas.models.resnet import BasicBlock, ResNet


@dataclass(frozen=True)
class LcclSettings:
    """``gate``: "relu", or "hardtanh", which is clipped at 1 as well. Raises SettingsError for another one."""

    gate: Literal["relu", "hardtanh"] = "relu"

    def __post_init__(self) -> None:
        require(self, {"gate": (self.gate in ("relu", "hardtanh"), "'relu' or 'hardtanh'")})


class LcclNet(AdaptiveNet):
    """Images (N, C, H, W) to logits (N, K); a sample pays for gates, and for convolutions where its gates are open.

    ``gated_macs`` is what the gated convolutions cost where all gates are open.
    """

    def __init__(self, like: ResNet, settings: LcclSettings, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.gated = _Gated(like, settings.gate)
        he_normal(self)
        self.to(like.conv1.weight)
        image = image_for(self, image_shape)
        # The convolutions are those of the given network, so the difference in cost is that of the gates.
        most, static, stem = (module_macs(net, image) for net in (self.gated, like, self.gated.stem))
        self.static_macs = float(static)
        self.gated_macs = float(static - stem - self.gated.linear.weight.numel())
        self.macs_bounds = (most - self.gated_macs, float(most))
        self.eval()

    def run(self, x: Tensor, *, skip: bool) -> Answer:
        """Answer images (N, C, H, W); ``skip`` computes convolutions at open positions only."""
        logits, spent = self.gated(x, skip)
        return Answer(logits, self.macs_bounds[0] + spent)

    def accounts(self, outcomes: Outcomes) -> dict[str, float]:
        """What gates save, in shares.

        ``zero_fraction``: the share of the gated convolutions' macs at positions where the gate is zero.
        ``saved_of_all_layers``: these less the macs of gates, as a share of the whole network's: our accounting.
        ``saved_of_gated_layers``: the same as a share of the gated convolutions' macs: the reference's accounting.
        """
        spent = mean_cost(outcomes)
        return {
            "zero_fraction": (self.macs_bounds[1] - spent) / self.gated_macs,
            "saved_of_all_layers": (self.static_macs - spent) / self.static_macs,
            "saved_of_gated_layers": (self.static_macs - spent) / self.gated_macs,
        }


def lccl(model: nn.Module, settings: LcclSettings, image_shape: tuple[int, int, int] = (3, 32, 32)) -> LcclNet:
    """The gated counterpart of a ResNet, with fresh weights. Raises ModelError for a network of another family."""
    if not isinstance(model, ResNet):
        raise ModelError(
            f"LCCL is defined on pre-activation ResNets, and {type(model).__name__} is no ResNet; "
            "compare on resnet20, resnet32, resnet56 or resnet110"
        )
    return LcclNet(model, settings, image_shape)


class _Gated(nn.Module):
    """Images (N, C, H, W) to logits (N, K) and what each sample's gated convolutions cost (N,)."""

    def __init__(self, like: ResNet, gate: str) -> None:
        super().__init__()
        self.stem = copy.deepcopy(like.conv1)
        blocks = [module for module in like.modules() if isinstance(module, BasicBlock)]
        self.blocks = nn.ModuleList(_Block(block, gate) for block in blocks)
        self.norm = nn.BatchNorm2d(like.linear.in_features)
        self.linear = copy.deepcopy(like.linear)

    def forward(self, x: Tensor, skip: bool = False) -> tuple[Tensor, Tensor]:
        x = self.stem(x)
        spent = torch.zeros(len(x), dtype=torch.float64, device=x.device)
        for block in self.blocks:
            x, macs = block(x, skip)
            spent = spent + macs
        return self.linear(F.adaptive_avg_pool2d(F.relu(self.norm(x)), 1).flatten(1)), spent


class _Block(nn.Module):
    """Norm, activation and gated convolution, twice, beside a shortcut."""

    def __init__(self, like: BasicBlock, gate: str) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.BatchNorm2d(conv.in_channels) for conv in (like.conv1, like.conv2))
        self.layer1, self.layer2 = _GatedConv(like.conv1, gate), _GatedConv(like.conv2, gate)
        self.shortcut = PaddedShortcut(like.stride, like.new_channels)

    def forward(self, x: Tensor, skip: bool) -> tuple[Tensor, Tensor]:
        out, first = self.layer1(F.relu(self.norm1(x)), skip)
        out, second = self.layer2(F.relu(self.norm2(out)), skip)
        return out + self.shortcut(x), first + second


class _GatedConv(nn.Module):
    """A convolution times a gate of one channel, computed by a 1x1 convolution from the same input; and its macs."""

    def __init__(self, like: nn.Conv2d, gate: str) -> None:
        super().__init__()
        activation = nn.ReLU() if gate == "relu" else nn.Hardtanh(0.0, 1.0)
        self.conv = copy.deepcopy(like)
        conv = nn.Conv2d(like.in_channels, 1, 1, like.stride[0], bias=False)
        self.gate = nn.Sequential(conv, nn.BatchNorm2d(1), activation)

    def forward(self, x: Tensor, skip: bool) -> tuple[Tensor, Tensor]:
        gate = self.gate(x)
        open_positions = gate[:, 0] > 0
        raw = sparse_conv(x, self.conv, open_positions) if skip else self.conv(x)
        return gate * raw, open_positions.sum((1, 2)).double() * self.conv.weight.numel()
