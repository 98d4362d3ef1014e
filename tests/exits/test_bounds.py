"""Joint thresholds stand between those that are set one by one and what only labels could tell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2dnas.calibration import frontier, greedy_family, greedy_rule, hindsight
from s2dnas.errors import SettingsError
from s2dnas.exits import ExitRule, ExitTable, accuracy, decide, mean_cost

TABLE = ExitTable(
    scores=np.full((3, 4), 0.5),
    predictions=np.array([[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0]]),
    labels=np.ones(4),
    costs=np.array([10.0, 20.0, 40.0]),
    confidence="margin",
)


@st.composite
def tables(draw):
    rng, stages = np.random.default_rng(draw(st.integers(0, 10_000))), draw(st.integers(1, 3))
    samples = draw(st.integers(1, 30))
    macs = 1 + np.cumsum(rng.integers(0, 4, size=stages)).astype(float)
    scores, predictions = rng.integers(6, size=(stages, samples)) / 5, rng.integers(2, size=(stages, samples))
    return ExitTable(scores, predictions, rng.integers(2, size=samples), macs, "margin")


def possible(curve, macs):
    return curve.accuracy[np.searchsorted(curve.costs, macs * (1 + 1e-9), side="right") - 1]


@settings(deadline=None)
@given(table=tables())
def test_no_rule_beats_the_oracle(table):
    front, bound = frontier(table), hindsight(table)
    assert (front.accuracy <= possible(bound, front.costs)).all()
    assert (np.diff(bound.costs) > 0).all()
    assert bound.accuracy[-1] == table.correct.any(axis=0).mean()


def test_an_oracle_worked_out_by_hand():
    """Sample 1 is right at once, sample 2 at the second stage, sample 3 at the third, sample 4 never."""
    bound = hindsight(TABLE)
    np.testing.assert_allclose(bound.costs, [10, 10 + 10 / 4, 10 + 40 / 4])
    assert bound.accuracy.tolist() == [0.25, 0.5, 0.75]


@settings(deadline=None)
@given(table=tables(), loss=st.floats(0, 1))
def test_joint_thresholds_are_at_least_as_good_as_greedy_ones(table, loss):
    outcomes, front = decide(table, greedy_rule(table, loss)), frontier(table)
    assert accuracy(outcomes) <= possible(front, mean_cost(outcomes))


@settings(deadline=None)
@given(table=tables(), loss=st.floats(0, 1))
def test_greedy_thresholds_cost_no_more_accuracy_than_allowed(table, loss):
    outcomes = decide(table, greedy_rule(table, loss))
    assert accuracy(outcomes) >= table.stage_accuracy[-1] - loss - 1e-9


def test_greedy_thresholds_follow_the_allowed_loss(trained):
    table = trained(500, 3)
    assert greedy_rule(table, 1) == ExitRule(table.confidence, (0, 0))
    costs = [mean_cost(decide(table, rule)) for rule in greedy_family(table)]
    assert costs[0] > costs[-1]


@pytest.mark.parametrize("loss", [-0.1, float("nan")])
def test_a_negative_loss_is_refused(loss):
    with pytest.raises(SettingsError, match="negative"):
        greedy_rule(TABLE, loss)
