"""Kendall's tau with its interval."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from s2dnas.search.agreement import agreement

TRUTH = np.arange(24.0)


def test_it_is_tau_b_ties_included() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        values, truth = rng.integers(0, 6, size=(2, 12)).astype(float)
        assert agreement(values, truth).tau == pytest.approx(kendalltau(values, truth).statistic)


def test_the_same_order_is_one_and_the_reverse_minus_one() -> None:
    assert agreement(3 * TRUTH - 7, TRUTH).tau == 1
    assert agreement(-TRUTH, TRUTH).tau == -1


def test_chance_is_about_zero_and_the_interval_says_so() -> None:
    found = agreement(np.random.default_rng(0).permutation(TRUTH), TRUTH)
    assert found.low < 0 < found.high
    assert found.low < found.tau < found.high


def test_what_ranks_a_little_wrong_is_told_from_chance_with_more_plans() -> None:
    wrong = TRUTH + np.random.default_rng(1).normal(scale=6, size=24)
    few, many = agreement(wrong[:6], TRUTH[:6]), agreement(wrong, TRUTH)
    assert many.low > 0
    assert many.high - many.low < few.high - few.low


def test_what_says_the_same_of_all_plans_ranks_none() -> None:
    assert agreement(np.ones(24), TRUTH).tau == 0
