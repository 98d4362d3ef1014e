"""How likely each stage is right about each sample, expected from scores: a smoother account than right and wrong.

Whether one rule is better than another is a matter of few samples, and of chance, where answers are counted. A
regression of right answers on scores tells the same with less noise; its sum over the samples is what was counted.
"""

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.calibration.regression import regression
from s2dnas.exits.logistic import SMALLEST, logistic_probabilities
from s2dnas.exits.table import ExitTable


def expected_correct(table: ExitTable) -> FloatArray:
    """(S, N): by a logistic regression per stage on its scores, and on how the stages before it answered."""
    inputs = [_features(table, stage) for stage in range(table.num_stages)]
    return np.stack(
        [logistic_probabilities(regression(own, right), own) for own, right in zip(inputs, table.correct, strict=True)]
    )


def _features(table: ExitTable, stage: int) -> FloatArray:
    """(N, 1), later (N, 3): the score; the share of earlier stages that agree, and their mean score; as evidence."""
    own = _evidence(table.scores[stage])
    if not stage:
        return own[:, None]
    agreeing = np.mean(table.predictions[:stage] == table.predictions[stage], axis=0)
    return np.stack([own, agreeing, _evidence(table.scores[:stage]).mean(axis=0)], axis=1)


def _evidence(scores: FloatArray) -> FloatArray:
    """log((1 + s) / (1 - s)): of a margin, the log-odds of the first class against the second if there are no others.

    Finite, and 0 for a score of 0, whose own log-odds would outweigh all other samples.
    """
    return 2 * np.arctanh(np.minimum(scores, 1 - SMALLEST))
