"""How likely each stage is right about each sample, expected from scores: a smoother account than right and wrong.

Whether one rule is better than another is a matter of few samples, and of chance, where answers are counted. A
regression of right answers on scores tells the same with less noise; its sum over the samples is what was counted.
"""

import numpy as np

from s2dnas.exits.confidence import FloatArray
from s2dnas.exits.logistic import chances, log_odds, regression
from s2dnas.exits.table import ExitTable


def expected_correct(table: ExitTable) -> FloatArray:
    """(S, N): by a logistic regression per stage on its scores, and on how the stages before it answered."""
    inputs = [_features(table, stage) for stage in range(table.num_stages)]
    return np.stack([chances(regression(own, right), own) for own, right in zip(inputs, table.correct, strict=True)])


def _features(table: ExitTable, stage: int) -> FloatArray:
    """(N, 1), later (N, 3): the log-odds of the score; the share of earlier stages that agree, their mean log-odds."""
    own = log_odds(table.scores[stage])
    if not stage:
        return own[:, None]
    agreeing = np.mean(table.predictions[:stage] == table.predictions[stage], axis=0)
    return np.stack([own, agreeing, log_odds(table.scores[:stage]).mean(axis=0)], axis=1)
