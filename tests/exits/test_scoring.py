"""Scores and answers of several stages: never from later stages, the same stage by stage, and kept with the rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2dnas.calibration import Fit, calibration_table
from s2dnas.calibration.predictor import TARGETS
from s2dnas.errors import ArtifactError, DataError, SettingsError
from s2dnas.exits import CONFIDENCES, ExitRule, ExitTable, Scoring, decide
from s2dnas.exits.predictor import Predictor

FITS = [
    Fit("margin"),
    Fit("entropy", temperature=True),
    Fit(surest=True),
    *[Fit(predictor=target) for target in TARGETS],
    Fit(predictor="correctness", temperature=True, surest=True),
]


@pytest.fixture(scope="module", params=FITS, ids=str)
def fit(request):
    return request.param


def spelt(scoring):
    return Scoring(scoring) if isinstance(scoring, str) else scoring


def test_a_stage_knows_nothing_of_later_ones(fit, answered):
    logits, labels, _ = answered(300, 3)
    scoring = spelt(fit(logits, labels))
    scores, predictions = scoring.answers(logits)
    for stage in range(3):
        alone = scoring.answer(logits[: stage + 1])
        np.testing.assert_array_equal(alone[0], scores[stage])
        np.testing.assert_array_equal(alone[1], predictions[stage])


def test_a_sample_is_scored_alone_as_among_others(fit, answered):
    logits, labels, _ = answered(300, 3)
    scoring = spelt(fit(logits, labels))
    scores, predictions = scoring.answers(logits)
    alone = scoring.answers(logits[:, 7:8])
    np.testing.assert_allclose(alone[0][:, 0], scores[:, 7], atol=1e-12)
    np.testing.assert_array_equal(alone[1][:, 0], predictions[:, 7])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99))
def test_scores_ignore_the_order_of_classes_and_shifts_of_logits(fit, answered, seed):
    logits, labels, _ = answered(200, 3)
    rng, scoring = np.random.default_rng(seed), spelt(fit(logits, labels))
    changed = logits[..., rng.permutation(10)] + rng.normal(size=(3, 200, 1))
    np.testing.assert_allclose(scoring.answers(changed)[0], scoring.answers(logits)[0], atol=1e-9)


def test_scores_lie_in_the_unit_interval_even_for_extreme_logits(fit, answered):
    logits, labels, _ = answered(300, 3)
    for scale in (0, 1, 1e4):
        scores, _ = spelt(fit(logits, labels)).answers(scale * logits)
        assert ((scores >= 0) & (scores <= 1)).all()


def test_what_is_fitted_travels_with_rule_and_table(fit, answered, tmp_path):
    logits, labels, macs = answered(300, 3)
    table = calibration_table(fit, logits, labels, macs, static=labels)
    rule = ExitRule(table.confidence, (0.9, 0.8))
    rule.save(tmp_path / "rule.json")
    table.save(tmp_path / "table.npz")
    loaded, loaded_rule = ExitTable.load(tmp_path / "table.npz"), ExitRule.load(tmp_path / "rule.json")
    assert loaded.confidence == loaded_rule.confidence == table.confidence
    new = ExitTable.from_logits(*answered(200, 3, seed=1), loaded_rule.confidence)
    np.testing.assert_array_equal(decide(new, loaded_rule).stages, decide(new, rule).stages)


def test_a_measure_alone_is_its_name():
    assert ExitRule(Scoring("margin"), (0.5,)) == ExitRule("margin", (0.5,))
    assert ExitRule(Scoring("margin"), (0.5,)).to_dict()["confidence"] == "margin"
    assert ExitRule(Scoring("margin", surest=True), (0.5,)) != ExitRule("margin", (0.5,))


@pytest.mark.parametrize(
    "content",
    [
        {"measure": "margin", "temperatures": [0], "surest": False},
        {"measure": "margin", "temperatures": [1, float("inf")], "surest": False},
        {"measure": "margins", "temperatures": [], "surest": False},
        {"measure": [[1, 2]], "temperatures": [], "surest": False},
        {"measure": [[1, 2, 3, float("nan")]], "temperatures": [], "surest": False},
        {"measure": [[1, 2, 3, 4]], "temperatures": [1, 1], "surest": False},
        {"measure": "margin"},
        7,
    ],
)
def test_what_does_not_score_is_refused(content):
    with pytest.raises(ArtifactError, match="not an exit rule"):
        ExitRule.from_dict({"confidence": content, "thresholds": [0.5]})


def test_more_stages_than_were_fitted_are_refused(answered):
    logits, labels, _ = answered(50, 3)
    for fit in (Fit(temperature=True), Fit(predictor="correctness")):
        with pytest.raises(SettingsError, match="fitted to 2 stages"):
            spelt(fit(logits[:2], labels)).answers(logits)


def test_an_unknown_target_is_refused():
    with pytest.raises(SettingsError, match="did you mean 'correctness'"):
        Fit(predictor="correctnes")


# temperature


@pytest.mark.parametrize("name", sorted(CONFIDENCES))
def test_a_temperature_changes_no_prediction_and_warms_what_is_too_sure(answered, name):
    logits, labels, macs = answered(2000, 2)
    plain, fitted = (ExitTable.from_logits(logits, labels, macs, c) for c in (name, Fit(name, True)(logits, labels)))
    np.testing.assert_array_equal(fitted.predictions, plain.predictions)
    right, hot = (spelt(Fit(name, True)(scale * logits, labels)).temperatures for scale in (1, 3))
    np.testing.assert_allclose(hot, 3 * np.array(right), rtol=1e-6)


def test_a_temperature_finds_the_one_by_which_labels_were_drawn():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, 20_000, 5))
    labels = (logits[0] / 0.5 + rng.gumbel(size=(20_000, 5))).argmax(axis=-1)  # drawn from softmax(logits / 0.5)
    (temperature,) = Fit(temperature=True)(logits, labels).temperatures
    assert temperature == pytest.approx(0.5, rel=0.05)


# predictor


def test_a_predictor_is_as_sure_as_it_is_right(answered):
    for target, met in TARGETS.items():
        scoring = Fit(predictor=target)(*answered(4000, 3)[:2])
        table = ExitTable.from_logits(*answered(4000, 3, seed=1), scoring)
        for stage, (scores, right) in enumerate(zip(table.scores, met(table.correct), strict=True)):
            for low, high in ((0.0, 0.8), (0.8, 0.95), (0.95, 1.01)):
                inside = (scores >= low) & (scores < high)
                if inside.sum() > 200:
                    assert right[inside].mean() == pytest.approx(scores[inside].mean(), abs=0.06), (target, stage)


def test_agreement_raises_the_score_where_agreeing_stages_are_right_more_often(answered):
    logits, labels, _ = answered(2000, 2)
    scoring = Fit(predictor="correctness")(logits, labels)
    agreeing = logits[:, :200].copy()
    agreeing[0] = agreeing[1]
    opposed = agreeing.copy()
    opposed[0] = np.roll(agreeing[1], 1, axis=-1)
    assert (scoring.answer(agreeing)[0] > scoring.answer(opposed)[0]).all()


def test_a_stage_suffices_if_it_is_right_or_no_later_one_is():
    right = np.array([[1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1]], dtype=bool)
    assert TARGETS["sufficiency"](right).tolist() == [
        [True, True, False, False],
        [True, True, True, False],
        [True, True, True, True],
    ]
    assert TARGETS["correctness"](right).tolist() == right.tolist()


def test_a_predictor_of_a_stage_that_is_always_right_stays_finite(answered):
    logits, _, _ = answered(50, 2)
    scoring = Fit(predictor="correctness")(logits, logits[1].argmax(-1))
    assert isinstance(scoring.measure, Predictor)
    assert (scoring.answers(logits)[0][1] > 0.9).all()


# fitting and scoring the same samples


def test_no_sample_is_scored_by_what_its_own_label_taught(answered):
    logits, labels, macs = answered(100, 2)
    for fit in (Fit(predictor="correctness"), Fit(temperature=True)):
        before = calibration_table(fit, logits, labels, macs).scores
        for sample in (0, 13, 99):
            changed = labels.copy()
            changed[sample] = (labels[sample] + 1) % 10
            after = calibration_table(fit, logits, changed, macs).scores
            np.testing.assert_array_equal(after[:, sample], before[:, sample])
            assert (after[:, (sample + 1) % 100] != before[:, (sample + 1) % 100]).any()


def test_new_samples_are_scored_by_what_all_calibration_samples_taught(answered):
    logits, labels, macs = answered(100, 2)
    fit = Fit(predictor="correctness")
    assert calibration_table(fit, logits, labels, macs).confidence == fit(logits, labels)


def test_without_anything_to_fit_the_calibration_table_is_the_plain_one(answered):
    logits, labels, macs = answered(3, 2)
    table = calibration_table(Fit("entropy"), logits, labels, macs)
    np.testing.assert_array_equal(table.scores, ExitTable.from_logits(logits, labels, macs, "entropy").scores)


def test_fewer_samples_than_folds_cannot_be_fitted(answered):
    with pytest.raises(DataError, match="at least 5"):
        calibration_table(Fit(temperature=True), *answered(4, 2))


# the surest stage so far


def test_the_surest_stage_so_far_answers():
    chances = np.array([[0.9, 0.6, 0.7], [0.8, 0.6, 0.1], [0.95, 0.5, 0.6]])
    logits = np.log(np.stack([chances, 1 - chances], axis=-1))
    scores, predictions = Scoring("max_probability", surest=True).answers(logits)
    np.testing.assert_allclose(scores, [[0.9, 0.6, 0.7], [0.9, 0.6, 0.9], [0.95, 0.6, 0.9]])
    assert predictions.tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 1]]


def test_the_samples_of_a_table_can_be_taken_apart(answered):
    logits, labels, macs = answered(20, 2)
    table = ExitTable.from_logits(logits, labels, macs, "margin", static=labels[::-1])
    part = table.take([3, 1])
    assert part.labels.tolist() == labels[[3, 1]].tolist()
    assert part.static.tolist() == labels[::-1][[3, 1]].tolist()
    np.testing.assert_array_equal(part.scores, table.scores[:, [3, 1]])
    np.testing.assert_array_equal(part.predictions, table.predictions[:, [3, 1]])
    assert table.like_static.labels.tolist() == labels[::-1].tolist()
    with pytest.raises(DataError, match="static"):
        _ = ExitTable.from_logits(logits, labels, macs).like_static
    with pytest.raises(DataError, match="static must have shape"):
        ExitTable.from_logits(logits, labels, macs, static=labels[1:])


def test_of_equally_sure_stages_the_later_one_answers():
    chances = np.array([[0.75, 0.75], [0.25, 0.75], [0.75, 0.25]])
    logits = np.log(np.stack([chances, 1 - chances], axis=-1))
    scores, predictions = Scoring("max_probability", surest=True).answers(logits)
    np.testing.assert_allclose(scores, 0.75)
    assert predictions.tolist() == [[0, 0], [1, 0], [0, 1]]
