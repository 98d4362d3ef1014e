"""The tensor form of a scoring gives what the NumPy form gives, for any logits."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from s2dnas.arrays import FloatArray
from s2dnas.errors import SettingsError
from s2dnas.exits import CONFIDENCES, Predictor, Scoring
from s2dnas.network.scorer import Scorer

STAGES = 3
PREDICTOR = Predictor(((0.5, 0.3, -1.0, 2.1), *[(-0.5, 0.1, 1.0, 0.5, 0.7, 0.2)] * (STAGES - 1)))
SCORINGS = [
    Scoring(measure, temperatures, surest)
    for measure in (*CONFIDENCES, PREDICTOR)
    for temperatures in ((), (0.7, 1.0, 3.1))
    for surest in (False, True)
]
EVERY_SCORING = pytest.mark.parametrize("scoring", SCORINGS, ids=lambda s: f"{s.measure}-{s.temperatures}-{s.surest}")
LOGITS = st.one_of(st.floats(-8, 8), st.sampled_from([0.0, 1.0, 1.0, -1e4, 1e4, 1e300, -1e300]))


def logits_of(stages: int) -> st.SearchStrategy[FloatArray]:
    shapes = st.tuples(st.just(stages), st.integers(1, 4), st.integers(2, 6))
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=LOGITS))


def answer(scoring: Scoring, logits: FloatArray) -> tuple[FloatArray, Sequence[int]]:
    scorer = Scorer(scoring, len(logits) - 1)
    scores, labels = scorer(*(torch.from_numpy(logits[stage]) for stage in scorer.needs))
    assert (scores.dtype, labels.dtype) == (torch.float64, torch.int64)
    return scores.numpy(), labels.tolist()


def rounding(scoring: Scoring, logits: FloatArray) -> FloatArray:
    """How far scores may be apart: log-odds of a predictor blow up the rounding of a probability next to 1."""
    if isinstance(scoring.measure, str):
        return np.full(logits.shape[1], 1e-12)
    doubts = 1 - np.minimum(Scoring("max_probability", scoring.temperatures).answers(logits)[0].max(axis=0), 1 - 1e-12)
    return np.asarray(1e-12 + 1e-15 / doubts)


@EVERY_SCORING
@given(data=st.data())
def test_scores_and_labels_are_those_of_the_scoring(scoring: Scoring, data: st.DataObject) -> None:
    logits = data.draw(st.integers(1, STAGES).flatmap(logits_of))
    expected, predictions = scoring.answer(logits)
    found, labels = answer(scoring, logits)
    assert (np.abs(found - expected) <= rounding(scoring, logits)).all()
    assert ((found >= 0) & (found <= 1)).all()
    if scoring.surest:  # of stages that are equally sure but for rounding, any may answer
        scores, predictions = replace(scoring, surest=False).answers(logits)
        predictions = np.where(scores >= scores.max(axis=0) - 2 * rounding(scoring, logits), predictions, -1)
    assert (np.array(labels) == predictions).reshape(-1, len(labels)).any(axis=0).all()


@EVERY_SCORING
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_logits_that_are_not_finite_reach_no_threshold(scoring: Scoring, wrong: float) -> None:
    logits = np.random.default_rng(0).normal(size=(STAGES, 2, 4))
    logits[-1, 0, 1] = wrong
    found, _ = answer(scoring, logits)
    assert not found[0] >= 0
    assert found[1] >= 0


def test_a_sample_scores_the_same_alone_as_among_others_and_none_give_none() -> None:
    scorer, logits = Scorer("entropy", 0), torch.randn(5, 7)
    scores, labels = scorer(logits)
    assert scores[2:3].tolist() == pytest.approx(scorer(logits[2:3])[0].tolist())
    assert labels.tolist() == logits.argmax(dim=1).tolist()
    assert [result.shape for result in scorer(logits[:0])] == [(0,), (0,)]


@pytest.mark.parametrize("scoring", [Scoring("entropy", (0.7, 1.0), surest=True), Scoring(PREDICTOR)])
def test_one_export_serves_any_number_of_samples(scoring: Scoring) -> None:
    scorer, samples = Scorer(scoring, 1), torch.export.Dim("samples")
    example, logits = ((torch.randn(count, 4), torch.randn(count, 4)) for count in (3, 7))
    program = torch.export.export(scorer, example, dynamic_shapes=(({0: samples},) * 2,))
    for found, expected in zip(program.module()(*logits), scorer(*logits), strict=True):
        assert torch.equal(found, expected)


def test_what_a_stage_needs_are_its_own_logits_unless_earlier_ones_count() -> None:
    assert Scorer("margin", 2).needs == Scorer(Scoring("margin", (1.0, 2.0, 3.0)), 2).needs == (2,)
    assert Scorer(Scoring("margin", surest=True), 2).needs == Scorer(Scoring(PREDICTOR), 2).needs == (0, 1, 2)


def test_a_score_has_no_weights_and_changes_with_no_type() -> None:
    scorer = Scorer(Scoring(PREDICTOR, (0.1, 0.2, 0.3)), 0)
    logits = torch.randn(4, 5)
    before = scorer(logits)[0]
    assert not scorer.state_dict()
    assert torch.equal(scorer.half()(logits)[0], before)


def test_wrong_use_is_refused() -> None:
    with pytest.raises(SettingsError, match="fitted to 2 stages, there is no stage 3"):
        Scorer(Scoring("margin", (1.0, 2.0)), 2)
    with pytest.raises(SettingsError, match="no stage 0"):
        Scorer("margin", -1)
    with pytest.raises(SettingsError, match="scored by 2 logits, not 1"):
        Scorer(Scoring("margin", surest=True), 1)(torch.zeros(1, 2))
    for shape in ((3, 1), (3,)):
        with pytest.raises(SettingsError, match="K >= 2"):
            Scorer("margin", 0)(torch.zeros(shape))
