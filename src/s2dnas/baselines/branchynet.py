"""BranchyNet (Teerapittayanon et al., ICPR 2016): classifiers at the side of any network, after some of its depth.

It starts from the trained static network; train it with ``JointLoss(settings.alpha)`` and leave by entropy.
Our choice, since it must fit any network: where branches stand (in equal steps of macs, if not said otherwise) and what
they are made of (convolutions of stride 2, one more for each branch nearer to the image, and global pooling).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from s2dnas.baselines.chain import StageChain
from s2dnas.baselines.cutting import CutPoint, at_depths, pieces
from s2dnas.errors import require
from s2dnas.graph.traced import Traced
from s2dnas.models.init import he_normal
from s2dnas.network.staged_net import Carry

BRANCHYNET_CONFIDENCE = "entropy"


@dataclass(frozen=True)
class BranchynetSettings:
    """``branches`` beside the main network, or one at each of the rising ``depths``, shares of the static macs.

    ``convs`` convolutions of ``channels`` channels in the last branch, one more in each earlier one. ``alpha``: the
    weight of each exit's loss, the main network's last (empty: 1 each). Raises SettingsError for a value out of range.
    """

    branches: int = 2
    depths: tuple[float, ...] = ()
    convs: int = 1
    channels: int = 32
    alpha: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        rising = all(0 < depth < 1 for depth in self.depths) and all(a < b for a, b in pairwise(self.depths))
        rules = {
            "branches": (self.branches >= 1, "at least 1"),
            "depths": (rising, "rising shares in (0, 1)"),
            "convs": (self.convs >= 1, "at least 1"),
            "channels": (self.channels >= 1, "at least 1"),
            "alpha": (len(self.alpha) in (0, len(self.places) + 1), f"empty or {len(self.places) + 1} weights"),
        }
        require(self, rules)

    @property
    def places(self) -> tuple[float, ...]:
        """Where branches are wanted, as shares of the static macs."""
        return self.depths or tuple((i + 1) / (self.branches + 1) for i in range(self.branches))


def branchynet(traced: Traced, settings: BranchynetSettings) -> StageChain:
    """The captured network, with its weights, and branches with fresh ones. The carry is what the branch reads.

    Raises ModelError if there are too few feature maps through which everything passes.
    """
    cuts = at_depths(traced, settings.places)
    trunk = pieces(traced, [cut.name for cut in cuts])
    branches = _branches(cuts, settings, traced.num_classes)
    like = next(value for value in traced.values.values() if value.is_floating_point())
    stages = [*map(_Branched, trunk, branches), _Main(trunk[-1])]
    return StageChain([stage.to(like) for stage in stages], traced.image_shape)


class _Branched(nn.Module):
    """A piece of the main network and the branch that reads its result."""

    def __init__(self, trunk: nn.Module, branch: nn.Module) -> None:
        super().__init__()
        self.trunk, self.branch = trunk, branch

    def forward(self, x: Tensor, *carry: Tensor) -> tuple[Tensor, Carry]:
        features, _ = self.trunk(x, *carry)
        return self.branch(features), (features,)


class _Main(nn.Module):
    """The last piece of the main network, whose result are the logits."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, x: Tensor, *carry: Tensor) -> tuple[Tensor, Carry]:
        logits, _ = self.trunk(x, *carry)
        return logits, ()


def _branches(cuts: Sequence[CutPoint], settings: BranchynetSettings, num_classes: int) -> list[nn.Module]:
    made: list[nn.Module] = []
    for earlier, cut in zip(range(len(cuts) - 1, -1, -1), cuts, strict=True):
        layers: list[nn.Module] = []
        width = cut.channels
        for _ in range(settings.convs + earlier):
            conv = nn.Conv2d(width, settings.channels, 3, 2, 1, bias=False)
            layers += [conv, nn.BatchNorm2d(settings.channels), nn.ReLU()]
            width = settings.channels
        branch = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))
        he_normal(branch)
        made.append(branch)
    return made
