"""Surcharges are found again in times that they were added to."""

import numpy as np
import pytest

from s2dnas.errors import DataError
from s2dnas.profile.fitting import TimedPlan, fit_surcharges
from s2dnas.profile.judging import leave_one_plan_out
from s2dnas.profile.table import Surcharges
from s2dnas.profile.work import StageWork
from s2dnas.space.plan import Plan

TRUE = Surcharges(
    batch=4, layers=0.9, joined=0.3, reordered=0.2, touched=0.5, call=0.01, stage=0.2, fetched=0.6, cache=2.0
)


def made_up(count: int, noise: float = 0.0) -> list[TimedPlan]:
    rng = np.random.default_rng(0)
    plans = []
    for _ in range(count):
        stages = tuple(
            StageWork((), *rng.uniform(0, 2e5, 3).tolist(), int(rng.integers(5, 40)), float(rng.uniform(1e5, 2e6)))
            for _ in range(3)
        )
        alone = tuple(rng.uniform(0.5, 3, 3).tolist())
        times = np.array(TRUE.on(stages, alone)) * (1 + noise * rng.normal(size=3))
        plans.append(TimedPlan(stages, alone, tuple(times.tolist())))
    return plans


def test_surcharges_are_found_again() -> None:
    found = fit_surcharges(4, made_up(20))
    assert found.model_dump() == pytest.approx(TRUE.model_dump(), rel=1e-6)


def test_a_plan_that_nothing_was_fitted_to_is_predicted() -> None:
    plans = {Plan(3, {"a": (1, 1, index)}, {}): timed for index, timed in enumerate(made_up(12, noise=0.01))}
    judged = leave_one_plan_out(4, plans)
    assert judged.plans == 12
    assert judged.median_error < 0.02
    assert judged.worst_error < 0.1
    assert judged.rank_correlation > 0.9
    assert "12 plans" in str(judged)


def test_weights_that_stay_in_the_cache_are_not_fetched() -> None:
    def fetching(weights: float) -> float:
        """The share of what is fetched of one stage's million weights, where a plan has so many million."""
        stages = [StageWork((), 0, 0, 0, 0, 1e6), StageWork((), 0, 0, 0, 0, 1e6 * (weights - 1))]
        return (TRUE.on(stages, [1, 1])[0] - TRUE.on([StageWork((), 0, 0, 0, 0, 0)], [1])[0]) / TRUE.fetched

    assert [fetching(weights) for weights in (1, 2, 2.5, 3, 10)] == pytest.approx([0, 0, 0.5, 1, 1])


def test_something_must_have_been_timed() -> None:
    with pytest.raises(DataError, match="at least one"):
        fit_surcharges(1, [])
