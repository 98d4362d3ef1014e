"""A plan is worth what it answers within the budget; one that cannot keep it is worth less, by how far it is off."""

import numpy as np
import pytest

from s2dnas.exits import ExitTable
from s2dnas.search.evaluators import Objective


def table(first_macs: float, last_macs: float) -> ExitTable:
    """Half of the samples are right at a first stage that is sure of them, all at the last."""
    scores = np.array([[0.9, 0.9, 0.2, 0.2], [1.0] * 4])
    predictions = np.array([[1, 1, 0, 0], [1] * 4])
    return ExitTable(scores, predictions, np.ones(4, dtype=int), np.array([first_macs, last_macs]), "max_probability")


def test_a_plan_is_scored_by_its_best_thresholds_within_the_budget() -> None:
    score = Objective(static_macs=100, budgets=(50,), exponent=-0.1).score(table(20, 80))
    assert (score.accuracy, score.mean_macs) == (1.0, 50.0)
    assert score.reward == pytest.approx(0.5**-0.1)


def test_a_smaller_budget_costs_accuracy() -> None:
    score = Objective(static_macs=100, budgets=(30,), exponent=0).score(table(20, 80))
    assert (score.accuracy, score.mean_macs) == (0.5, 20.0)


def test_a_plan_that_cannot_keep_the_budget_is_worth_less_than_any_that_can_and_less_the_dearer_it_is() -> None:
    objective = Objective(static_macs=100, budgets=(30,), exponent=0)
    kept, dear, dearer = (objective.score(table(first, 90)).reward for first in (29, 40, 60))
    assert kept == 0.5
    assert dear == pytest.approx(0.5 * 30 / 40)
    assert dearer == pytest.approx(0.5 * 30 / 60)


def test_a_stage_above_its_limit_costs_reward_by_how_far_it_is_off() -> None:
    free, kept, dear = (Objective(100, (50,), 0, stage_limits=limits) for limits in ((), (20, 80), (10, 40)))
    expected = free.score(table(20, 80))
    assert kept.score(table(20, 80)) == expected
    assert dear.score(table(20, 80)).reward == pytest.approx(expected.reward * (10 / 20) * (40 / 80))
    first = Objective(100, (50,), 0, stage_limits=(10,)).score(table(20, 80))
    assert first.reward == pytest.approx(expected.reward / 2)


def test_several_budgets_count_alike() -> None:
    both = Objective(static_macs=100, budgets=(30, 50), exponent=0).score(table(20, 80))
    assert (both.accuracy, both.mean_macs, both.reward) == pytest.approx((0.75, 35.0, 0.75))
    cheap, dear = (Objective(100, (10, 50), exponent=0).score(table(first, 80)).reward for first in (10, 20))
    assert cheap > dear
