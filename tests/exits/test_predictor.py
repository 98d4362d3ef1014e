"""What a predictor is told and what it makes of it, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.errors import SettingsError
from s2dnas.exits import entropy
from s2dnas.exits.logistic import log_odds, logistic_probabilities, sigmoid
from s2dnas.exits.predictor import Predictor, features

PROBABILITIES = np.array(
    [
        [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]],
        [[0.25, 0.5, 0.25], [0.125, 0.75, 0.125]],
        [[0.25, 0.625, 0.125], [0.0, 1.0, 0.0]],
    ]
)
"""Three stages, two samples, three classes: sample 1 changes from class 0 to class 1, sample 2 stays with class 1."""


@given(st.floats(-25, 25))
def test_log_odds_undo_the_logistic_function(value: float) -> None:
    assert log_odds(sigmoid(np.array([value])))[0] == pytest.approx(value, rel=1e-4, abs=1e-9)


def test_logistic_values_worked_out_by_hand() -> None:
    np.testing.assert_allclose(log_odds(np.array([0.25, 0.5, 0.75])), [-np.log(3), 0, np.log(3)])
    np.testing.assert_allclose(log_odds(np.array([0.0, 1.0])), [np.log(1e-12), -np.log(1e-12)], rtol=1e-4)
    np.testing.assert_allclose(sigmoid(np.array([-1000.0, 0.0, np.log(3), 1000.0])), [0, 0.5, 0.75, 1], atol=1e-15)
    inputs = np.array([[1.0, 2.0], [0.0, 0.0]])
    np.testing.assert_allclose(logistic_probabilities((0.5, 1.0, -1.0), inputs), sigmoid(np.array([-0.5, 0.5])))


def test_the_first_stage_shows_its_own_confidences() -> None:
    found = features(PROBABILITIES[:1])
    expected = [[0.0, 0.25, score] for score in entropy(PROBABILITIES[0])]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_later_stage_shows_how_far_the_earlier_ones_agree() -> None:
    found = features(PROBABILITIES)
    assert found.shape == (2, 5)
    np.testing.assert_allclose(found[:, 1], [0.375, 1.0])
    np.testing.assert_allclose(found[0, 0], np.log(0.625 / 0.375))
    assert found[:, 3].tolist() == [0.5, 1.0]  # stage 2 agrees about sample 1, both stages about sample 2
    np.testing.assert_allclose(found[:, 4], [(np.log(0.25) + np.log(0.5)) / 2, (np.log(0.5) + np.log(0.75)) / 2])


def test_an_answer_that_an_earlier_stage_excludes_counts_as_a_very_unlikely_one() -> None:
    sure = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert features(sure)[0, 4] == pytest.approx(np.log(1e-12))


def test_scores_are_by_the_weights_of_the_stage() -> None:
    predictor = Predictor(((0.0, 1.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 2.0, 0.0)))
    np.testing.assert_allclose(predictor.scores(PROBABILITIES[:1]), [0.5, 0.5])
    np.testing.assert_allclose(predictor.scores(PROBABILITIES[:2]), sigmoid(np.array([1.0, 3.0])))


@pytest.mark.parametrize(
    "weights",
    [((1.0,) * 3,), ((1.0,) * 6,), ((1.0,) * 4, (1.0,) * 4), ((1.0,) * 4, (1.0,) * 6, (1.0,) * 5), ((np.inf,) * 4,)],
)
def test_other_numbers_of_weights_are_refused(weights) -> None:
    with pytest.raises(SettingsError, match="4 finite weights, then 6 per later stage"):
        Predictor(weights)
