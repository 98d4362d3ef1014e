"""The reward: accuracy times a power of the relative cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.errors import SettingsError
from s2dnas.search.reward import reward


def test_values() -> None:
    assert float(reward(0.9, 10e6, 40e6, -0.5)) == pytest.approx(0.9 * 2)
    assert float(reward(0.9, 20e6, 40e6, -0.07)) == pytest.approx(0.9 * 1.0497, rel=1e-4)


@given(st.floats(0, 1), st.floats(1, 1e12))
def test_without_exponent_only_the_accuracy_counts(accuracy: float, macs: float) -> None:
    assert float(reward(accuracy, macs, 1e6, 0)) == accuracy


@given(st.floats(0.01, 1), st.floats(1, 1e9), st.floats(1.01, 100), st.floats(-2, -0.01))
def test_cheaper_and_more_accurate_are_better(accuracy: float, macs: float, factor: float, exponent: float) -> None:
    base = float(reward(accuracy, macs, 1e6, exponent))
    assert float(reward(accuracy, macs * factor, 1e6, exponent)) < base
    assert float(reward(accuracy / factor, macs, 1e6, exponent)) < base


def test_is_elementwise() -> None:
    values = reward(np.array([0.5, 0.8]), np.array([1e6, 2e6]), 4e6, -1)
    assert values.tolist() == pytest.approx([2.0, 1.6])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.5, 1.0, 1.0, 0.1), "exponent"),
        ((0.5, 1.0, 1.0, float("nan")), "exponent"),
        ((0.5, 1.0, 1.0, -float("inf")), "exponent"),
        ((0.5, -1.0, 1.0, -0.1), "^cost must"),
        ((0.5, 0.0, 1.0, -0.1), "^cost must"),
        ((0.5, [1.0, float("inf")], 1.0, -0.1), "^cost must"),
        ((0.5, 1.0, 0.0, -0.1), "^static_cost must"),
        ((50.0, 1.0, 1.0, -0.1), "accuracy"),
        ((1.01, 1.0, 1.0, -0.1), "accuracy"),
        ((float("nan"), 1.0, 1.0, -0.1), "accuracy"),
    ],
)
def test_bad_values_are_refused(arguments, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        reward(*arguments)


def test_single_precision_is_computed_in_double_precision() -> None:
    given = [np.array([value], dtype=np.float32) for value in (0.7, 1e6, 3e6)]
    found = reward(*given, exponent=-0.07)
    assert found.dtype == np.float64
    assert found[0] == float(given[0][0]) * (1e6 / 3e6) ** -0.07
