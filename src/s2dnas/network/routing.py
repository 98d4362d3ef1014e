"""Samples that are sure enough leave, the rest goes on in a smaller batch, without leaving the device of the images."""

from collections.abc import Callable, Sequence
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

_Logits = dict[int, Tensor]
"""By the number of their stage."""


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
        answers = self._one(images) if len(images) == 1 else self._several(0, (images,), {})
        return Answers(answers.labels, answers.stages, answers.scores.to(images.dtype), answers.macs)

    def _one(self, image: Tensor) -> Answers:
        """Nothing needs to be selected, and one bit is asked for."""
        held: Held = (image,)
        known: _Logits = {}
        for index in range(len(self.macs)):
            scores, labels, held, known = self._stage(index, held, known)
            if index == len(self.thresholds) or (scores >= self.thresholds[index]).item():
                break
        return _answered(scores, labels, index, self.macs[index])

    def _several(self, index: int, held: Held, known: _Logits) -> Answers:
        """Of the samples that reach a stage."""
        scores, labels, held, known = self._stage(index, held, known)
        if index == len(self.thresholds):
            return _answered(scores, labels, index, self.macs[index])
        staying = torch.nonzero(~(scores >= self.thresholds[index])).squeeze(1)
        if len(staying) == len(scores):
            return self._several(index + 1, held, known)
        answers = _answered(scores, labels, index, self.macs[index])
        if len(staying) > 0:
            held = tuple(part.index_select(0, staying) for part in held)
            known = {stage: logits.index_select(0, staying) for stage, logits in known.items()}
            _replace(answers, staying, self._several(index + 1, held, known))
        return answers

    def _stage(self, index: int, held: Held, known: _Logits) -> tuple[Tensor, Tensor, Held, _Logits]:
        """Scores and labels of a stage, what is held after it, and the logits that the next one is scored by, too."""
        logits, held = self.run(index, held)
        known = {**known, index: logits}
        scores, labels = self.scorers[index](*[known[stage] for stage in self.scorers[index].needs])
        needed = self.scorers[index + 1].needs if index + 1 < len(self.scorers) else ()
        return scores, labels, held, {stage: known[stage] for stage in needed if stage <= index}


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
