"""What expected answers are computed from, and that they are a regression on that."""

import numpy as np

from s2dnas.calibration import frontier
from s2dnas.calibration.expected import _features, expected_correct
from s2dnas.calibration.regression import regression
from s2dnas.calibration.sweep import Grid
from s2dnas.exits import ExitTable
from s2dnas.exits.logistic import logistic_probabilities

TABLE = ExitTable(
    scores=[[0.0, 0.5, 1.0], [0.5, 0.5, 0.5], [0.8, 0.6, 0.2]],
    predictions=[[0, 1, 2], [0, 2, 1], [0, 2, 1]],
    labels=[0, 1, 1],
    costs=[1.0, 2.0, 4.0],
    confidence="margin",
)
HALF = np.log(3)  # log((1 + 1/2) / (1 - 1/2))
SURE = np.log(2e12)


def test_the_first_stage_has_the_evidence_of_its_score() -> None:
    np.testing.assert_allclose(_features(TABLE, 0), [[0.0], [HALF], [SURE]], rtol=1e-4)


def test_a_later_stage_has_its_own_evidence_that_of_those_before_and_the_share_that_agrees() -> None:
    np.testing.assert_allclose(_features(TABLE, 1), [[HALF, 1, 0.0], [HALF, 0, HALF], [HALF, 0, SURE]], rtol=1e-4)
    found = _features(TABLE, 2)
    np.testing.assert_allclose(found[:, 0], [np.log(9), np.log(4), np.log(1.5)])
    np.testing.assert_allclose(found[:, 1], [1.0, 0.5, 0.5])
    np.testing.assert_allclose(found[:, 2], [HALF / 2, HALF, (SURE + HALF) / 2], rtol=1e-4)


def test_each_stage_is_expected_by_a_regression_of_its_own_answers() -> None:
    expected = expected_correct(TABLE)
    for stage in range(3):
        inputs = _features(TABLE, stage)
        weights = regression(inputs, TABLE.correct[stage])
        np.testing.assert_array_equal(expected[stage], logistic_probabilities(weights, inputs))


def test_a_frontier_of_expected_answers_rounds_their_sums() -> None:
    """Its accuracies are whole numbers of samples: those that its own grid of expected answers gives."""
    front, grid = frontier(TABLE, expected=True), Grid.of(TABLE, correct=expected_correct(TABLE))
    never = round(float(grid.correct[-1].sum())) / 3
    assert front.accuracy[-1] >= never
    np.testing.assert_allclose(3 * front.accuracy, np.round(3 * front.accuracy))
