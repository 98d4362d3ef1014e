"""The thresholds that are tried, worked out by hand."""

import numpy as np

from s2dnas.calibration.sweep import candidates
from s2dnas.exits import NEVER


def test_thresholds_are_the_midpoints_between_scores_and_the_ends() -> None:
    np.testing.assert_allclose(candidates(np.array([0.8, 0.2, 0.8, 0.0]), None), [0, 0.1, 0.5, NEVER])
    assert candidates(np.array([0.0, 0.0]), None).tolist() == [0, NEVER]


def test_fewer_thresholds_are_even_in_the_share_that_leaves() -> None:
    scores = np.arange(8) / 8
    np.testing.assert_allclose(candidates(scores, 3), [0, (3 / 8 + 4 / 8) / 2, NEVER])
    np.testing.assert_allclose(candidates(scores, 5), [0, 3 / 16, 7 / 16, 11 / 16, NEVER])
    tied = np.array([0.1] * 6 + [0.5, 0.9])
    np.testing.assert_allclose(candidates(tied, 3), [0, 0.3, NEVER])  # none at which four of the eight leave


def test_a_resolution_that_is_enough_keeps_every_threshold() -> None:
    """However unevenly the samples lie."""
    scores = np.array([0.1] * 9 + [0.2, 0.3])
    for resolution in (4, 5, 100):
        np.testing.assert_array_equal(candidates(scores, resolution), candidates(scores, None))
