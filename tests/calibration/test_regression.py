"""A regression is the optimum of its objective, and tells probabilities that its weights give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from s2dnas.calibration.regression import regression
from s2dnas.exits.logistic import logistic_probabilities


def samples(seed: int, count: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (N, F) of different size and place, and whether a target is met, likelier for a larger first input."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(rng.normal(size=features) * 3, rng.uniform(0.2, 5, size=features), size=(count, features))
    return inputs, inputs[:, 0] + rng.normal(size=count) > inputs[:, 0].mean()


def optimum(inputs: np.ndarray, met: np.ndarray) -> np.ndarray:
    """Probabilities of the penalised maximum likelihood (Platt, 1999), found by a general method."""
    hits = met.sum()
    targets = np.where(met, (hits + 1) / (hits + 2), 1 / (len(met) - hits + 2))
    standard = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)

    def loss(weights: np.ndarray) -> float:
        odds = weights[0] + standard @ weights[1:]
        likelihood = targets * np.logaddexp(0, -odds) + (1 - targets) * np.logaddexp(0, odds)
        return float(likelihood.sum() + (weights[1:] ** 2).sum() / 2)

    weights = minimize(loss, np.zeros(1 + inputs.shape[1]), tol=1e-12).x
    return 1 / (1 + np.exp(-(weights[0] + standard @ weights[1:])))


@settings(max_examples=20)
@given(seed=st.integers(0, 999), count=st.integers(5, 60), features=st.integers(1, 4))
def test_a_regression_is_the_penalised_maximum_likelihood(seed: int, count: int, features: int) -> None:
    inputs, met = samples(seed, count, features)
    found = logistic_probabilities(regression(inputs, met), inputs)
    np.testing.assert_allclose(found, optimum(inputs, met), atol=1e-4)


@pytest.mark.parametrize("always", [True, False])
def test_a_target_that_all_samples_meet_or_none_is_nearly_sure(always: bool) -> None:
    inputs, _ = samples(0, 40, 2)
    weights = regression(inputs, np.full(40, always))
    assert np.isfinite(weights).all()
    expected = 41 / 42 if always else 1 / 42
    np.testing.assert_allclose(logistic_probabilities(weights, inputs), expected, atol=1e-6)


def test_an_input_that_never_changes_weighs_nothing() -> None:
    inputs, met = samples(0, 40, 2)
    still = np.column_stack([inputs[:, :1], np.full(40, 7.0)])
    weights = regression(still, met)
    assert weights[2] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(weights[:2], regression(inputs[:, :1], met), rtol=1e-6)
