"""A table of more samples than were fitted to: those that were are scored as if they were new, the others are new."""

import numpy as np
import pytest

from s2dnas.calibration import Fit, calibration_table
from s2dnas.calibration.predictor import fit_predictor
from s2dnas.calibration.temperature import fit_temperatures
from s2dnas.errors import DataError
from s2dnas.exits import as_scoring, softmax

MACS = (1.0, 2.0)
SEEN = np.array([3, 5, 8, 13, 21, 34, 55, 1, 2, 4, 6, 7, 9, 10, 11, 12])
FITS = [
    Fit(predictor="correctness"),
    Fit("entropy", temperature=True),
    Fit(predictor="sufficiency", temperature=True, surest=True),
]


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray]:
    """Logits (2, 60, 4), single precision as a network gives them, and labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=60)
    logits = rng.normal(size=(2, 60, 4))
    logits[:, np.arange(60), labels] += rng.gamma(1, size=60)
    return logits.astype(np.float32), labels


def by_hand(fit: Fit, logits: np.ndarray, labels: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores and predictions (S, N): of seen samples by what the other folds gave, of others by all seen ones."""
    values = logits.astype(np.float64)
    scores, predictions = as_scoring(fit(values[:, seen], labels[seen])).answers(values)
    for fold in range(5):
        inside = [sample for place, sample in enumerate(seen) if place % 5 == fold]
        others = sorted(sample for place, sample in enumerate(seen) if place % 5 != fold)
        answers = as_scoring(fit(values[:, others], labels[others])).answers(values[:, inside])
        scores[:, inside], predictions[:, inside] = answers
    return scores, predictions


@pytest.mark.parametrize("fit", FITS, ids=str)
@pytest.mark.parametrize("seen", [None, SEEN, SEEN.tolist()[:5]])
def test_seen_samples_are_scored_by_the_other_folds_and_new_ones_by_all_of_the_seen(fit, seen, samples) -> None:
    logits, labels = samples
    table = calibration_table(fit, logits, labels, MACS, seen=seen)
    used = np.arange(60) if seen is None else np.array(seen)
    scores, predictions = by_hand(fit, logits, labels, used)
    np.testing.assert_array_equal(table.scores, scores)
    np.testing.assert_array_equal(table.predictions, predictions)
    assert table.confidence == fit(logits[:, used].astype(np.float64), labels[used])
    assert table.labels.tolist() == labels.tolist()


@pytest.mark.parametrize("fit", FITS, ids=str)
def test_labels_of_samples_that_were_not_seen_change_nothing(fit, samples) -> None:
    logits, labels = samples
    other = np.where(np.isin(np.arange(60), SEEN), labels, (labels + 1) % 4)
    one, same = (calibration_table(fit, logits, given, MACS, seen=SEEN) for given in (labels, other))
    np.testing.assert_array_equal(one.scores, same.scores)
    assert one.confidence == same.confidence


def test_labels_may_be_of_any_type_that_holds_whole_numbers(samples) -> None:
    logits, labels = samples
    for fit in FITS:
        expected = calibration_table(fit, logits, labels, MACS)
        for given in (labels.tolist(), labels.astype(np.uint8), labels.astype(float)):
            assert calibration_table(fit, logits, given, MACS).confidence == expected.confidence


def test_a_predictor_is_fitted_to_the_probabilities_that_it_is_later_given(samples) -> None:
    """Those at the fitted temperatures."""
    logits, labels = samples[0].astype(np.float64), samples[1]
    scoring = Fit(predictor="correctness", temperature=True)(logits, labels)
    assert scoring.temperatures == fit_temperatures(logits, labels)
    at_temperature = softmax(logits / np.array(scoring.temperatures)[:, None, None])
    assert scoring.measure == fit_predictor(at_temperature, labels, "correctness")
    assert scoring.measure != fit_predictor(softmax(logits), labels, "correctness")


def test_the_answers_of_the_static_network_stay_with_the_table(samples) -> None:
    logits, labels = samples
    for fit in (Fit(), *FITS):
        assert (
            calibration_table(fit, logits, labels, MACS, static=labels[::-1]).static.tolist() == labels[::-1].tolist()
        )


def test_the_surest_stage_so_far_answers_in_a_fitted_table_too(samples) -> None:
    table = calibration_table(Fit(temperature=True, surest=True), *samples, MACS)
    assert (np.diff(table.scores, axis=0) >= 0).all()
    plain = calibration_table(Fit(temperature=True), *samples, MACS)
    kept = plain.scores[0] > plain.scores[1]
    assert kept.any()
    assert table.predictions[1][kept].tolist() == plain.predictions[0][kept].tolist()


def test_as_many_samples_as_folds_can_be_fitted_and_no_fewer(samples) -> None:
    logits, labels = samples
    for fit in FITS:
        assert calibration_table(fit, logits, labels, MACS, seen=range(5)).num_samples == 60
        with pytest.raises(DataError, match="at least 5 calibration samples, got 4"):
            calibration_table(fit, logits, labels, MACS, seen=range(4))
    assert calibration_table(Fit(), logits, labels, MACS, seen=range(4)).num_samples == 60
