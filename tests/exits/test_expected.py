"""Expected answers add up to the counted ones, and thresholds that are chosen by them do better on new samples."""

from dataclasses import replace

import numpy as np
import pytest

from s2dnas.calibration import Fit, calibration_table, for_budget, frontier
from s2dnas.calibration.expected import expected_correct
from s2dnas.exits import CONFIDENCES, ExitTable, accuracy, decide, mean_cost

GENEROUS = (22e6, 26e6)
"""Budgets at which few samples are still wrong, so that single ones decide where answers are counted."""


@pytest.mark.parametrize("stages", [2, 3, 5])
@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_expected_answers_add_up_to_those_that_are_counted(trained, stages, confidence):
    table = trained(400, stages, confidence=confidence)
    expected = expected_correct(table)
    assert ((expected > 0) & (expected < 1)).all()
    np.testing.assert_allclose(expected.mean(axis=1), table.stage_accuracy, atol=0.01)
    surer = table.scores[0].argsort()
    assert (np.diff(expected[0][surer]) >= 0).all()


@pytest.mark.parametrize("confidence", ["max_probability", "margin"])
def test_rules_that_are_chosen_by_expected_answers_are_better_on_new_samples(trained, confidence):
    unseen = trained(10_000, 3, 99, confidence)

    def reached(expected: bool) -> np.ndarray:
        fronts = [frontier(trained(300, 3, seed, confidence), expected=expected) for seed in range(20)]
        return np.array([[accuracy(decide(unseen, for_budget(front, at))) for at in GENEROUS] for front in fronts])

    gain = (reached(True) - reached(False)).mean(axis=0)
    assert (gain > 0).all()


def test_a_margin_of_nothing_weighs_no_more_than_others(trained):
    table = trained(400, 1, confidence="margin")
    tied = replace(table, scores=np.where(np.arange(400) == table.scores[0].argmin(), 0.0, table.scores))
    np.testing.assert_allclose(expected_correct(tied), expected_correct(table), atol=0.01)


def test_a_budget_is_used_to_the_full(trained):
    table = trained(300, 3)
    counted, expected = (mean_cost(decide(table, for_budget(frontier(table, expected=e), 18e6))) for e in (False, True))
    assert counted <= expected <= 18e6


def test_stages_that_are_always_right_and_fitted_scores_can_be_expected(trained, answered):
    table = trained(50, 2)
    perfect = ExitTable(table.scores, np.tile(table.labels, (2, 1)), table.labels, table.costs, table.confidence)
    assert len(frontier(perfect, expected=True)) >= 1
    fitted = calibration_table(Fit("margin", temperature=True), *answered(200, 2))
    assert frontier(fitted, expected=True).rule(0).confidence == fitted.confidence
