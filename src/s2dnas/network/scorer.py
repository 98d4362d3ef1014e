"""Scores and labels of a stage as a module of tensor operators: what ``exits.Scoring`` computes, on any device."""

import math
import operator
from collections.abc import Callable, Sequence
from itertools import starmap

import torch
from torch import Tensor, nn

from s2dnas.errors import SettingsError
from s2dnas.exits.logistic import SMALLEST
from s2dnas.exits.predictor import Predictor
from s2dnas.exits.scoring import AnyScoring, as_scoring


class Scorer(nn.Module):
    """How sure stage ``index``, from 0, is of what, by a scoring: a measure's name or a ``Scoring``.

    Takes the logits (N, K) of the stages in ``needs``, in order; the last are its own. Gives scores (N,) in [0, 1],
    float64 whatever the logits' type, and labels (N,), int64. Logits of a stage that are not finite score NaN.
    No operation depends on a value, so it can be compiled and exported; it has no state that ``to`` would change.
    Raises SettingsError if the scoring is fitted to fewer stages or K < 2.
    """

    def __init__(self, scoring: AnyScoring, index: int) -> None:
        super().__init__()
        full = as_scoring(scoring)
        weights = full.measure.weights if isinstance(full.measure, Predictor) else ()
        fitted = len(full.temperatures) or len(weights) or math.inf
        if not 0 <= index < fitted:
            raise SettingsError(f"the scoring is fitted to {fitted} stages, there is no stage {index + 1}; fit it anew")
        alone = not weights and not full.surest
        self.needs: tuple[int, ...] = (index,) if alone else tuple(range(index + 1))
        self._measure = None if isinstance(full.measure, Predictor) else _MEASURES[full.measure]
        self._weights = [[_number(weight) for weight in row] for row in weights]
        self._temperatures = [_number(full.temperatures[stage]) for stage in self.needs if full.temperatures]
        self._surest = full.surest

    def forward(self, *logits: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (N,) and labels (N,) of the logits (N, K) of each stage in ``needs``."""
        if len(logits) != len(self.needs):
            raise SettingsError(f"stage {self.needs[-1] + 1} is scored by {len(self.needs)} logits, not {len(logits)}")
        probabilities = self._probabilities(logits)
        if not self._surest:
            return self._score(probabilities)
        score, label = self._score(probabilities[:1])
        for stage in range(1, len(probabilities)):
            later_score, later_label = self._score(probabilities[: stage + 1])
            sinks = later_score < score
            score, label = torch.where(sinks, score, later_score), torch.where(sinks, label, later_label)
        return score, label

    def _probabilities(self, logits: Sequence[Tensor]) -> list[Tensor]:
        for some in logits:
            if some.ndim != 2 or some.shape[1] < 2:
                raise SettingsError(f"scores are made of logits (N, K) of K >= 2 classes, not of shape {some.shape}")
        values = [some.double() for some in logits]
        if self._temperatures:
            values = list(starmap(operator.truediv, zip(values, self._temperatures, strict=True)))
        return [torch.softmax(some, dim=1) for some in values]

    def _score(self, probabilities: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Of the last of some stages, given those before it."""
        last = probabilities[-1]
        if self._measure is not None:
            return self._measure(last), last.argmax(dim=1)
        bias, *slopes = self._weights[len(probabilities) - 1]
        total = sum(starmap(operator.mul, zip(_features(probabilities), slopes, strict=True)), bias)
        return torch.sigmoid(total), last.argmax(dim=1)


def _max_probability(probabilities: Tensor) -> Tensor:
    return probabilities.amax(dim=1)


def _margin(probabilities: Tensor) -> Tensor:
    largest = probabilities.topk(2, dim=1).values
    return largest.select(1, 0) - largest.select(1, 1)


def _entropy(probabilities: Tensor) -> Tensor:
    logs = torch.where(probabilities > 0, probabilities, 1.0).log()  # p log p -> 0 as p -> 0
    most = torch.full_like(probabilities[:, 0], probabilities.shape[1]).log()
    scores = 1 + (probabilities * logs).sum(dim=1) / most
    return torch.where(scores < 0, 0.0, scores)  # ``clamp`` would not leave NaN as it is wherever it runs


_MEASURES: dict[str, Callable[[Tensor], Tensor]] = {
    "max_probability": _max_probability,
    "margin": _margin,
    "entropy": _entropy,
}


def _features(probabilities: Sequence[Tensor]) -> list[Tensor]:
    """What a predictor reads, each (N,)."""
    *earlier, last = probabilities
    own = [_log_odds(_max_probability(last)), _margin(last), _entropy(last)]
    if not earlier:
        return own
    answer = last.argmax(dim=1, keepdim=True)
    agreeing = torch.cat([some.argmax(dim=1, keepdim=True) == answer for some in earlier], dim=1)
    given = torch.cat([some.gather(1, answer) for some in earlier], dim=1)
    return [*own, agreeing.double().mean(dim=1), _log(given).mean(dim=1)]


def _log_odds(shares: Tensor) -> Tensor:
    """Of largest probabilities, which are never near 0."""
    kept = torch.where(shares > _LARGEST, _LARGEST, shares)
    return kept.log() - (1 - kept).log()


def _log(shares: Tensor) -> Tensor:
    return torch.where(shares < _SMALLEST, _SMALLEST, shares).log()


def _number(value: float) -> Tensor:
    """A constant that goes along with values on any device; exporters round plain numbers to single precision."""
    return torch.tensor(value, dtype=torch.float64, device="cpu")


_SMALLEST, _LARGEST = _number(SMALLEST), _number(1 - SMALLEST)
