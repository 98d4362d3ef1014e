import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from s2dnas.errors import SettingsError
from s2dnas.exits import CONFIDENCES, confidence, entropy, margin, max_probability, softmax

NAMES = st.sampled_from(sorted(CONFIDENCES))
LOGITS = arrays(np.float64, array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=5), elements=st.floats(-800, 800))


@given(logits=LOGITS)
def test_softmax_gives_probabilities_in_the_order_of_the_logits(logits):
    probabilities = softmax(logits)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1)
    ordered = np.take_along_axis(probabilities, logits.argsort(axis=-1), axis=-1)
    assert (np.diff(ordered, axis=-1) >= 0).all()


def test_softmax_ignores_a_common_shift_and_works_in_double_precision():
    logits = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(softmax(logits + 1e4), softmax(logits))
    assert softmax(logits.astype(np.float32)).dtype == np.float64


@given(name=NAMES, logits=LOGITS, seed=st.integers(0, 99))
def test_scores_lie_in_the_unit_interval_whatever_the_order_of_classes(name, logits, seed):
    probabilities = softmax(logits)
    scores = confidence(name)(probabilities)
    assert scores.shape == logits.shape[:-1]
    assert ((scores >= 0) & (scores <= 1)).all()
    order = np.random.default_rng(seed).permutation(logits.shape[-1])
    np.testing.assert_allclose(confidence(name)(probabilities[..., order]), scores, atol=1e-12)


@given(name=NAMES, classes=st.integers(2, 9), low=st.floats(0.01, 0.98))
def test_more_mass_on_one_class_is_surer(name, classes, low):
    """From uniform to one-hot, every measure rises."""
    shares = np.array([0, low, low + 0.01, 1])
    probabilities = shares[:, None] * np.eye(classes)[0] + (1 - shares[:, None]) / classes
    scores = confidence(name)(probabilities)
    assert (np.diff(scores) > 0).all()
    assert scores[-1] == pytest.approx(1)
    assert scores[0] == pytest.approx(1 / classes if name == "max_probability" else 0, abs=1e-12)


def test_values_worked_out_by_hand():
    probabilities = np.array([0.5, 0.25, 0.25, 0.0])
    assert max_probability(probabilities) == pytest.approx(0.5)
    assert margin(probabilities) == pytest.approx(0.25)
    assert entropy(probabilities) == pytest.approx(1 - 1.5 / 2)  # H = 1.5 bits of at most 2


@pytest.mark.parametrize("name", sorted(CONFIDENCES))
@pytest.mark.parametrize("probabilities", [np.ones((3, 1)), np.array(1.0)])
def test_a_single_class_is_refused(name, probabilities):
    with pytest.raises(SettingsError, match="at least 2 classes"):
        confidence(name)(probabilities)


def test_a_misspelt_measure_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="did you mean 'entropy'"):
        confidence("entropie")
