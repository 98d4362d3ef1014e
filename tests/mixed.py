"""A bundle whose images leave at all of its stages, with all of its classes: what mixes samples up is seen."""

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from nets import NETS
from oracle import random_plan, subject
from s2dnas.exits import ExitRule
from s2dnas.export.bundling import export
from s2dnas.runtime import Bundle, Session, SessionAnswers
from s2dnas.staged.build import MultiStageNet, build


@dataclass(frozen=True, eq=False)
class Mixed:
    """A bundle of three stages, images (N, C, H, W) for it, and what a session answers."""

    bundle: Bundle
    images: npt.NDArray[np.float32]
    answers: SessionAnswers

    def equals(self, found: SessionAnswers, rows: npt.NDArray[np.int64]) -> None:
        """These are the answers for some of the images; scores may end in other digits in batches of another size."""
        assert found.labels.tolist() == self.answers.labels[rows].tolist()
        assert found.stages.tolist() == self.answers.stages[rows].tolist()
        assert found.macs.tolist() == self.answers.macs[rows].tolist()
        np.testing.assert_allclose(found.scores, self.answers.scores[rows], atol=1e-5)


@cache
def mixed(count: int = 64) -> Mixed:
    """Half of the images leave at the first stage, half of the others at the second; no score is near a threshold.

    A later stage reads the image, too.
    """
    net = subject(NETS["padded_image"])
    plan = random_plan(net.graph, 3, 1, seed=1)
    assert plan is not None
    network = build(net.graph, plan).float()
    images = torch.randn(count, *net.images.shape[1:], generator=torch.Generator().manual_seed(0))
    _spread_logits(network, images)
    first, second = (network.predict(images, ExitRule("margin", limits)) for limits in ((0.0, 0.0), (2.0, 0.0)))
    early = _between(first.scores.numpy())
    late = _between(second.scores.numpy()[first.scores.numpy() < early])
    folder = Path(tempfile.mkdtemp(prefix="s2dnas-mixed-"))
    bundle = export(network, ExitRule("margin", (early, late)), folder, traced=True)
    return Mixed(bundle, images.numpy(), Session(bundle)(images.numpy()))


@torch.no_grad()
def _spread_logits(network: MultiStageNet, images: torch.Tensor) -> None:
    for logits, stage in zip(network(images), network.stages, strict=True):
        mean, deviation = logits.mean(0), logits.std(0)
        weight, bias = stage.get_parameter("fc.weight"), stage.get_parameter("fc.bias")
        weight.copy_(weight / deviation[:, None])
        bias.copy_((bias - mean) / deviation)


def _between(scores: npt.NDArray[np.float64]) -> float:
    """A threshold in the widest of the gaps between scores of the middle fifth."""
    middle = np.sort(scores)[int(0.4 * len(scores)) : int(0.6 * len(scores)) + 1]
    widest = int(np.diff(middle).argmax())
    assert middle[widest + 1] - middle[widest] > 1e-3
    return float(middle[widest : widest + 2].mean())
