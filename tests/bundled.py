"""Small networks as bundles, exported once per test process."""

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from nets import NETS
from oracle import random_plan, subject
from s2dnas.exits import ExitRule, Predictor, Scoring
from s2dnas.export.bundling import export
from s2dnas.runtime import Bundle
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet, build

NUM_STAGES = 3
PREDICTOR = Predictor(((0.1, 0.5, 0.4, 0.2), *((0.1, 0.3, 0.5, 0.2, 0.4, 0.1),) * 2))
RULES = {
    "margin": ExitRule("margin", (0.1, 0.15)),
    "entropy": ExitRule(Scoring("entropy", (0.5, 1.5, 2.0)), (0.05, 0.02)),
    "surest": ExitRule(Scoring("max_probability", surest=True), (0.3, 0.35)),
    "predicted": ExitRule(Scoring(PREDICTOR), (0.55, 0.6)),
}
"""Several ways to score, so that a bundle holds several scorings."""


@dataclass(frozen=True, eq=False)
class Bundled:
    """A network of three stages, images (N, C, H, W) for it, and its bundle."""

    network: MultiStageNet
    images: Tensor
    bundle: Bundle


@cache
def bundled(name: str, *, accumulate_logits: bool = False, traced: bool = True) -> Bundled:
    """The network of that name in ``nets.NETS`` in single precision; ``traced`` is the fast way to export it."""

    def make() -> tuple[torch.nn.Module, Tensor]:
        model, images = NETS[name]()
        return model.float(), images.float()

    net = subject(make)
    plan = random_plan(net.graph, NUM_STAGES, 1, seed=1)
    assert plan is not None
    network = build(net.graph, plan, accumulate_logits=accumulate_logits)
    images = torch.randn(16, *net.images.shape[1:], generator=torch.Generator().manual_seed(0))
    folder = Path(tempfile.mkdtemp(prefix="s2dnas-bundle-"))
    static = build(net.graph, Plan(1, {}, {}))
    return Bundled(network, images, export(network, RULES, folder, static=static, traced=traced))
