"""How well times are predicted of plans that nothing was fitted to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from s2dnas.profile.fitting import TimedPlan, fit_surcharges
from s2dnas.space.plan import Plan


@dataclass(frozen=True)
class Judgement:
    """Relative errors of the times of whole plans, and the rank correlation of predicted with measured ones."""

    median_error: float
    worst_error: float
    rank_correlation: float
    plans: int

    def __str__(self) -> str:
        return (
            f"of {self.plans} plans, each predicted from the others, the time was off by {self.median_error:.1%} "
            f"(median), {self.worst_error:.1%} at worst; rank correlation {self.rank_correlation:.2f}"
        )


def leave_one_plan_out(batch: int, plans: Mapping[Plan, TimedPlan]) -> Judgement:
    """Predict each plan, all stages in turn, by surcharges that were fitted to the other plans."""
    predicted, measured = [], []
    for plan, timed in plans.items():
        surcharges = fit_surcharges(batch, [other for key, other in plans.items() if key != plan])
        predicted.append(sum(surcharges.on(timed.stages, timed.alone)))
        measured.append(sum(timed.milliseconds))
    errors = np.abs(np.array(predicted) / measured - 1)
    return Judgement(
        float(np.median(errors)), float(errors.max()), rank_correlation(predicted, measured), len(predicted)
    )


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation, in [-1, 1]."""
    return float(spearmanr(first, second).statistic)
