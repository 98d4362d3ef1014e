"""What images must be answered with, by PyTorch's logits, and how other answers differ."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import FloatArray, IntArray
from s2dnas.exits import ExitRule, as_scoring, softmax
from s2dnas.export.bundle_check import Difference


class ExpectedAnswers:
    """``stages`` (from 0) and ``labels``, each (N,), of a rule on the logits (S, N, K) of all stages."""

    def __init__(self, logits: npt.NDArray[np.float32], rule: ExitRule) -> None:
        self._logits, self._rule = logits, rule
        self._scores, predictions = as_scoring(rule.confidence).answers(logits)
        leaves = np.array([rule.leaves(scores, stage) for stage, scores in enumerate(self._scores)])
        self.stages: IntArray = leaves.argmax(axis=0)
        self.labels: IntArray = np.take_along_axis(predictions, self.stages[None], axis=0)[0]

    def differences(self, stages: IntArray, labels: IntArray, first: int = 0) -> Iterator[Difference]:
        """Of stages and labels (N,) that were found for images that are counted from ``first``."""
        for image in np.flatnonzero((stages != self.stages) | (labels != self.labels)).tolist():
            both = int(self.stages[image]), int(stages[image])
            answers = int(self.labels[image]), int(labels[image])
            yield Difference(first + image, both, answers, self._distance(image, both, answers))

    def _distance(self, image: int, stages: tuple[int, int], labels: tuple[int, int]) -> float:
        stage = min(stages)
        if stages[0] != stages[1]:
            return abs(float(self._scores[stage, image]) - self._rule.thresholds[stage])
        probabilities: FloatArray = softmax(self._logits[stage, image].astype(np.float64))
        return float(abs(probabilities[labels[0]] - probabilities[labels[1]]))
