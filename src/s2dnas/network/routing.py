"""Samples that are sure enough leave, the rest goes on in a smaller batch, without leaving the device of the images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from s2dnas.errors import SettingsError
from s2dnas.exits import ExitRule
from s2dnas.exits.scoring import AnyScoring
from s2dnas.network.answers import Answers
from s2dnas.network.scorer import Scorer

Held = tuple[Tensor, ...]
"""What later stages need, each with the samples along its first axis."""

RunStage = Callable[[int, Held], tuple[Tensor, Held]]
"""From the number of a stage, from 0, and what is held, at first the images, to logits (N, K) and what is held then."""


@dataclass(frozen=True, eq=False)
class Routing:
    """S stages, how their logits are scored, S - 1 thresholds and S cumulative macs: from images to answers.

    Each stage but the last waits once for the device: for how many samples go on. A score that is NaN goes on.
    """

    run: RunStage
    scorers: Sequence[Scorer]
    thresholds: Sequence[float]
    macs: Sequence[float]

    def __call__(self, images: Tensor) -> Answers:
        """Answer images (N, C, H, W). Of no images, nothing runs."""
        if len(images) == 0:
            return _answered(images.new_zeros(0), images.new_zeros(0, dtype=torch.int64), 0, 0.0)
        answers = self._answers(0, (images,), {})
        return Answers(answers.labels, answers.stages, answers.scores.to(images.dtype), answers.macs)

    def _answers(self, index: int, held: Held, earlier: Mapping[int, Tensor]) -> Answers:
        """Of the samples that reach a stage, given the logits of earlier stages that still count."""
        own, held = self.run(index, held)
        logits = {**earlier, index: own}
        scorer = self.scorers[index]
        scores, labels = scorer(*(logits[stage] for stage in scorer.needs))
        if index == len(self.thresholds):
            return _answered(scores, labels, index, self.macs[index])
        staying = torch.nonzero(~(scores >= self.thresholds[index])).squeeze(1)
        needed = {stage: logits[stage] for stage in self.scorers[index + 1].needs if stage in logits}
        if len(staying) == len(scores):
            return self._answers(index + 1, held, needed)
        answers = _answered(scores, labels, index, self.macs[index])
        if len(staying) > 0:
            going_on = tuple(part.index_select(0, staying) for part in held)
            needed = {stage: part.index_select(0, staying) for stage, part in needed.items()}
            _replace(answers, staying, self._answers(index + 1, going_on, needed))
        return answers


def routing(run: RunStage, rule: ExitRule, macs: Sequence[float]) -> Routing:
    """The routing of a network by a rule. Raises SettingsError if the rule is made for another number of stages."""
    if rule.num_stages != len(macs):
        raise SettingsError(f"the rule has {rule.num_stages} stages, the network {len(macs)}; calibrate it again")
    return Routing(run, _scorers(rule.confidence, len(macs)), rule.thresholds, macs)


@lru_cache(maxsize=32)
def _scorers(scoring: AnyScoring, num_stages: int) -> tuple[Scorer, ...]:
    return tuple(Scorer(scoring, index) for index in range(num_stages))


def _answered(scores: Tensor, labels: Tensor, stage: int, macs: float) -> Answers:
    return Answers(
        labels=labels,
        stages=torch.full_like(labels, stage),
        scores=scores,
        macs=torch.full_like(scores, macs, dtype=torch.float64),
    )


def _replace(answers: Answers, rows: Tensor, others: Answers) -> None:
    for name in ("labels", "stages", "scores", "macs"):
        getattr(answers, name).index_copy_(0, rows, getattr(others, name))
