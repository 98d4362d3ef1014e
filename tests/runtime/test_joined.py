"""Joined answers are a session's, none is lost, and nobody waits longer than the deadline."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundled import bundled
from s2dnas.errors import DataError, SettingsError
from s2dnas.runtime import Joined, Session, SessionAnswers

COUNTS = st.lists(st.integers(0, 9), max_size=8)
THRESHOLDS = st.tuples(*[st.sampled_from([0.0, 0.02, 0.05, 0.1, 0.2, 2.0])] * 2)
SESSION = Session(bundled("residual").bundle)


def images_of(counts: list[int]) -> list[np.ndarray]:
    rng = np.random.default_rng(sum(counts))
    return [rng.standard_normal((count, 3, 8, 8), np.float32) for count in counts]


def same(found: SessionAnswers, expected: SessionAnswers) -> None:
    assert found.stages.tolist() == expected.stages.tolist()
    assert found.labels.tolist() == expected.labels.tolist()
    assert found.macs.tolist() == expected.macs.tolist()
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)


@given(counts=COUNTS, thresholds=THRESHOLDS, batch=st.integers(1, 10), share=st.sampled_from([0.01, 0.3, 0.5, 1.0]))
@settings(max_examples=60)
def test_a_stream_answers_every_batch_in_order_as_a_session_does(
    counts: list[int], thresholds: tuple[float, float], batch: int, share: float
) -> None:
    batches = images_of(counts)
    joined = Joined(SESSION, thresholds=thresholds, batch=batch, share=share)
    answers = list(joined.stream(batches))
    assert len(answers) == len(batches)
    for found, images in zip(answers, batches, strict=True):
        same(found, SESSION(images, thresholds=thresholds))
    assert joined.waiting == 0


@given(counts=COUNTS, thresholds=THRESHOLDS, batch=st.integers(1, 10), deadline=st.sampled_from([0, 1, 2.5, 100]))
@settings(max_examples=60)
def test_nobody_is_lost_and_nobody_waits_longer_than_the_deadline(
    counts: list[int], thresholds: tuple[float, float], batch: int, deadline: float
) -> None:
    now, pushed, found = 0.0, {}, {}
    joined = Joined(SESSION, thresholds=thresholds, batch=batch, deadline=deadline, clock=lambda: now)
    batches = images_of(counts)
    for images in batches:
        pushed |= dict.fromkeys(joined.push(images).tolist(), now)
        now += 1.0
        ready = joined.poll()
        assert not found.keys() & set(ready.indices.tolist())
        found |= dict(zip(ready.indices.tolist(), ready.answers.labels.tolist(), strict=True))
        waiting = {index: since for index, since in pushed.items() if index not in found}
        assert joined.waiting == len(waiting)
        assert all(since + deadline > now for since in waiting.values())
        assert joined.due == (min(waiting.values()) + deadline if waiting else math.inf)
    ready = joined.flush()
    found |= dict(zip(ready.indices.tolist(), ready.answers.labels.tolist(), strict=True))
    expected = [label for images in batches for label in SESSION(images, thresholds=thresholds).labels.tolist()]
    assert [found[index] for index in range(len(expected))] == expected


def test_few_who_stay_wait_and_many_go_on() -> None:
    (images,) = images_of([8])
    nobody_leaves = (2.0, 2.0)
    waiting = Joined(SESSION, thresholds=nobody_leaves, batch=16)
    waiting.push(images)
    assert waiting.waiting == 8
    assert len(waiting.poll().indices) == 0
    waiting.push(images)
    assert (waiting.waiting, len(waiting.poll().indices)) == (0, 16)
    going = Joined(SESSION, thresholds=nobody_leaves, batch=16, share=0.5)
    going.push(images)
    assert (going.waiting, len(going.poll().indices)) == (0, 8)


def test_images_of_another_shape_are_refused_and_leave_no_trace() -> None:
    joined = Joined(SESSION, batch=4)
    with pytest.raises(DataError, match=r"\(2, 3, 9, 8\)"):
        joined.push(np.zeros((2, 3, 9, 8), np.float32))
    (images,) = images_of([3])
    assert joined.push(images).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "wrong", [{"batch": 0}, {"share": 0.0}, {"share": 1.5}, {"deadline": -1}, {"deadline": math.nan}]
)
def test_settings_without_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="joining needs"):
        Joined(SESSION, **wrong)
