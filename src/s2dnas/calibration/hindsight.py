"""An upper bound of all exit rules: each sample leaves where its label, if it were known, would send it."""

import numpy as np

from s2dnas.calibration.choose import RuleCurve
from s2dnas.exits.table import ExitTable


def hindsight(table: ExitTable) -> RuleCurve:
    """The highest accuracy for each mean cost: samples leave at the first stage that is right, or at the first of all.

    Where the budget is too small for all, those that cost least are sent on, since each is one more right answer.
    """
    right = table.correct.any(axis=0)
    extra = np.sort(table.costs[table.correct.argmax(axis=0)][right] - table.costs[0])
    free = int((extra == 0).sum())
    costs = table.costs[0] + np.concatenate([[0.0], np.cumsum(extra[free:])]) / table.num_samples
    return RuleCurve(costs, np.arange(free, len(extra) + 1) / table.num_samples)
