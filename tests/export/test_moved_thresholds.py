"""Moved thresholds let as many samples go at each stage as before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.exits.rule import NEVER
from s2dnas.export.moved_thresholds import moved_thresholds

THRESHOLDS = st.tuples(*[st.sampled_from([0.0, 0.2, 0.5, 0.8, NEVER])] * 2)


def left(thresholds: tuple[float, ...], scores: np.ndarray) -> list[int]:
    """How many samples leave at each stage but the last."""
    here, counts = np.full(scores.shape[1], True), []
    for threshold, some in zip(thresholds, scores, strict=False):
        going = here & (some >= threshold)
        counts.append(int(going.sum()))
        here &= ~going
    return counts


@given(
    thresholds=THRESHOLDS, count=st.integers(1, 40), noise=st.sampled_from([0.01, 0.3, 1.0]), seed=st.integers(0, 99)
)
def test_as_many_leave_at_each_stage(thresholds: tuple[float, ...], count: int, noise: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.random((3, count))
    after = np.clip(before + noise * rng.normal(size=before.shape), 0, 1) * 0.99 + 0.01 * rng.random(before.shape)
    assert left(moved_thresholds(thresholds, before, after), after) == left(thresholds, before)


@given(thresholds=THRESHOLDS, seed=st.integers(0, 99))
def test_thresholds_of_scores_that_have_not_moved_stay(thresholds: tuple[float, ...], seed: int) -> None:
    scores = np.random.default_rng(seed).random((3, 20))
    assert moved_thresholds(thresholds, scores, scores) == thresholds


def test_of_equal_scores_all_leave_or_none_whatever_is_nearer() -> None:
    before = np.array([[0.1, 0.2, 0.3, 0.4], [0.5] * 4])
    equal = np.array([[0.2, 0.7, 0.7, 0.7], [0.5] * 4])
    assert left(moved_thresholds((0.25,), before, equal), equal) == [3]
    assert left(moved_thresholds((0.35,), before, equal), equal) == [0]


def test_a_stage_makes_up_for_what_equal_scores_cost_the_one_before() -> None:
    before = np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4], [0.5] * 4])
    after = np.array([[0.2, 0.7, 0.7, 0.7], [0.1, 0.2, 0.3, 0.4], [0.5] * 4])
    assert left(moved_thresholds((0.25, 0.15), before, after), after) == [3, 0]
