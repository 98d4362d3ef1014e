"""The probability that each stage is right about each sample, estimated from its score.

Where answers are counted, two rules often differ by a few samples, that is, by chance. A regression of right answers
on scores compares them with less noise; its sum over the samples is about the count.
"""

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.calibration.regression import regression
from s2dnas.exits.logistic import SMALLEST, logistic_probabilities
from s2dnas.exits.table import ExitTable


def expected_correct(table: ExitTable) -> FloatArray:
    """(S, N), by a logistic regression per stage on its score, and on scores and answers of the stages before it."""
    inputs = [_features(table, stage) for stage in range(table.num_stages)]
    return np.stack(
        [logistic_probabilities(regression(own, right), own) for own, right in zip(inputs, table.correct, strict=True)]
    )


def _features(table: ExitTable, stage: int) -> FloatArray:
    """(N, 1): the score; from stage 2 on (N, 3): also the share of earlier stages that agree, and their mean score."""
    own = _evidence(table.scores[stage])
    if not stage:
        return own[:, None]
    agreeing = np.mean(table.predictions[:stage] == table.predictions[stage], axis=0)
    return np.stack([own, agreeing, _evidence(table.scores[:stage]).mean(axis=0)], axis=1)


def _evidence(scores: FloatArray) -> FloatArray:
    """log((1 + s) / (1 - s)): for a margin, the log-odds of the best class against the second, if there are no others.

    Unlike the log-odds of a score itself it is 0 for a score of 0, so no single sample outweighs the others.
    """
    return 2 * np.arctanh(np.minimum(scores, 1 - SMALLEST))
