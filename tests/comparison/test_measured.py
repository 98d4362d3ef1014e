"""Thresholds come from the calibration split alone, budgets mean the same for every method."""

import numpy as np
import pytest

from s2dnas.comparison.measured import by_outcomes, by_rules, by_thresholds, mean_and_spread
from s2dnas.exits import NEVER, ExitRule, ExitTable, Outcomes

MACS = np.array([10.0, 40.0])


def table(scores: list[float], right: list[bool]) -> ExitTable:
    """A first stage with these scores, right or wrong, and a last stage that is always right."""
    first = np.array(right).astype(int)
    return ExitTable(
        scores=np.array([scores, [1.0] * len(scores)]),
        predictions=np.stack([first, np.ones(len(scores), dtype=int)]),
        labels=np.ones(len(scores), dtype=int),
        costs=MACS,
        confidence="max_probability",
    )


CALIBRATE = table([0.9, 0.8, 0.7, 0.6], [True, True, False, False])
TEST = table([0.95, 0.7, 0.85, 0.5], [True, True, False, False])


def test_a_budget_is_met_by_the_calibration_split_and_measured_on_the_test_split() -> None:
    _, at_budgets = by_thresholds(CALIBRATE, TEST, static_macs=50, budgets=(0.5, 0.8), expected=False)
    half, more = at_budgets
    # Two of four leave early there, at 0.8 and more; of the test samples these are the first and the third.
    assert (half.mean_macs, half.accuracy) == (25.0, 0.75)
    assert more == half.model_copy(update={"budget": 0.8})  # it costs less and was as accurate


def test_budgets_below_the_first_stage_are_left_out() -> None:
    _, at_budgets = by_thresholds(CALIBRATE, TEST, static_macs=50, budgets=(0.1, 1.0), expected=False)
    assert [at.budget for at in at_budgets] == [1.0]


def test_a_family_of_rules_is_chosen_from_by_the_calibration_split() -> None:
    rules = [ExitRule("max_probability", (threshold,)) for threshold in (0.0, 0.65, NEVER)]
    points, at_budgets = by_rules(rules, CALIBRATE, TEST, static_macs=50, budgets=(0.3, 0.5, 1.0))
    assert [point.mean_macs for point in points] == [10.0, 17.5, 40.0]
    assert [(at.budget, at.accuracy) for at in at_budgets] == [(0.3, 0.5), (0.5, 0.75), (1.0, 1.0)]


def test_one_setting_counts_at_every_budget_that_it_keeps() -> None:
    outcomes = Outcomes(np.array([1, 0]), np.array([0, 0]), np.array([20.0, 30.0]), np.array([1, 1]), num_stages=1)
    points, at_budgets = by_outcomes(outcomes, static_macs=50, budgets=(0.4, 0.5, 1.0))
    assert [(point.mean_macs, point.accuracy) for point in points] == [(25.0, 0.5)]
    assert [at.budget for at in at_budgets] == [0.5, 1.0]


def test_spread_is_that_of_a_sample() -> None:
    assert mean_and_spread([0.5]) == (0.5, 0.0)
    assert mean_and_spread([0.4, 0.6]) == pytest.approx((0.5, 0.1 * 2**0.5))
