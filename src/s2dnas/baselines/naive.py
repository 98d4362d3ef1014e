"""Naive ways to get several exits at full depth; no source defines them, so these definitions are ours.

Uniform: the static network divided as ours is, but in equal shares everywhere, with all indicators on, unsearched: it
needs no network of its own, its plan is ``SearchSpace.uniform()``.
Cascade: slim copies of the static network, each of full depth and on its own; none re-uses what another computed.
"""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from s2dnas.baselines.chain import StageChain
from s2dnas.errors import require
from s2dnas.graph.channels import ChannelGraph
from s2dnas.network.staged_net import Carry
from s2dnas.space.division import search_space
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build


@dataclass(frozen=True)
class CascadeSettings:
    """``widths``: rising shares of every coupling's units, one slim copy each; 1 is the static network itself.

    Copies are as wide as pieces of ``min_width`` channels allow. Raises SettingsError for a value out of range.
    """

    widths: tuple[float, ...] = (0.25, 0.5, 1.0)
    min_width: int = 4

    def __post_init__(self) -> None:
        widths = self.widths
        rising = all(0 < width <= 1 for width in widths) and all(a < b for a, b in pairwise(widths))
        rules = {
            "widths": (len(widths) >= 2 and rising, "at least 2 rising shares in (0, 1]"),
            "min_width": (self.min_width >= 1, "at least 1"),
        }
        require(self, rules)


def cascade(graph: ChannelGraph, settings: CascadeSettings) -> StageChain:
    """Slim copies that hold the first units' slices of the static weights, one stage each; nothing is carried.

    Train it with ``JointLoss()``: since nothing is shared, that trains each copy as if it were alone.
    Raises PlanError if no coupling can be divided in two.
    """
    return StageChain([_Alone(graph, width, settings.min_width) for width in settings.widths], graph.traced.image_shape)


class _Alone(nn.Module):
    """A slim copy: the first stage of a network divided in two, without what it would hand to the second."""

    def __init__(self, graph: ChannelGraph, width: float, min_width: int) -> None:
        super().__init__()
        self.slim = build(graph, _first(graph, width, min_width)).stages[0]

    def forward(self, x: Tensor) -> tuple[Tensor, Carry]:
        logits, _ = self.slim(x)
        return logits, ()


def _first(graph: ChannelGraph, width: float, min_width: int) -> Plan:
    """A plan whose first stage has that share of all units."""
    return Plan(1, {}, {}) if width == 1 else search_space(graph, 2, min_width).uniform((width, 1 - width))
