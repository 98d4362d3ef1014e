"""A temperature has the highest likelihood of all within its range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from s2dnas.calibration.temperature import RANGE, fit_temperatures
from s2dnas.exits import softmax
from s2dnas.exits.temperature import tempered


def log_likelihood(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    return float(log_softmax(logits / temperature, axis=-1)[np.arange(len(labels)), labels].mean())


@settings(max_examples=20)
@given(seed=st.integers(0, 999), scale=st.floats(0.1, 10))
def test_no_other_temperature_makes_the_labels_likelier(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = scale * rng.normal(size=(3, 50, 4)), rng.integers(4, size=50)
    logits[1:, np.arange(50), labels] += scale  # the first stage knows nothing, the others something
    for stage, temperature in zip(logits, fit_temperatures(logits, labels), strict=True):
        assert RANGE[0] <= temperature <= RANGE[1]
        best = log_likelihood(stage, labels, temperature)
        for other in (*RANGE, *np.geomspace(*RANGE, 50), 0.999 * temperature, 1.001 * temperature):
            if RANGE[0] <= other <= RANGE[1]:
                assert log_likelihood(stage, labels, other) <= best + 1e-12


def test_what_is_always_right_is_made_as_sure_as_may_be_and_what_is_always_wrong_as_unsure() -> None:
    logits = np.random.default_rng(0).normal(size=(1, 30, 5))
    assert fit_temperatures(logits, logits[0].argmax(axis=-1)) == (0.05,)
    assert fit_temperatures(logits, logits[0].argmin(axis=-1)) == (20.0,)


def test_each_stage_has_its_own_temperature() -> None:
    logits = np.array([[[2.0, 0.0]], [[3.0, 0.0]]])
    np.testing.assert_allclose(tempered(logits, (2.0, 3.0)), softmax(np.array([[[1.0, 0.0]], [[1.0, 0.0]]])))
    np.testing.assert_allclose(tempered(logits[:1], (2.0, 3.0)), softmax(np.array([[[1.0, 0.0]]])))
    np.testing.assert_array_equal(tempered(logits, ()), softmax(logits))


@pytest.mark.parametrize("shift", [-100.0, 0.0, 1e6])
def test_a_temperature_does_not_depend_on_a_shift_of_all_logits(shift: float) -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(1, 200, 3)), rng.integers(3, size=200)
    logits[0, np.arange(200), labels] += 1
    np.testing.assert_allclose(fit_temperatures(logits + shift, labels), fit_temperatures(logits, labels), rtol=1e-6)
