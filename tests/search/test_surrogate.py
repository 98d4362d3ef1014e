"""What predicts plans from a few that were trained, and how two are told apart."""

import numpy as np
import pytest

from s2dnas.arrays import FloatArray
from s2dnas.search.ladder import Ladder
from s2dnas.search.paired import paired_difference
from s2dnas.search.surrogate import far_apart, fitted
from s2dnas.space.costs import Cost
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.space import SearchSpace, Split


def features(count: int, seed: int) -> FloatArray:
    return np.asarray(np.random.default_rng(seed).normal(size=(count, 4)))


def worth(rows: FloatArray) -> FloatArray:
    return np.asarray(0.7 + 0.05 * rows[:, 0] - 0.02 * rows[:, 1] + 0.01 * np.sin(2 * rows[:, 2]))


def test_a_trend_is_learned_from_a_few_and_goes_on_beyond_them() -> None:
    known, asked = features(12, 0), 1.5 * features(40, 1)
    noise = 0.003 * np.random.default_rng(2).normal(size=12)
    mean, error = fitted(known, (worth(known) + noise).tolist())(asked)
    assert np.corrcoef(mean, worth(asked))[0, 1] > 0.95
    assert (error > 0).all()


def test_it_is_surer_of_what_is_near_to_what_it_knows() -> None:
    known = features(12, 0)
    _, error = fitted(known, worth(known).tolist())(np.vstack([known[:1], 6 * np.ones((1, 4))]))
    assert error[0] < error[1]


def test_equal_data_give_equal_predictions() -> None:
    known = features(8, 3)
    one, other = (fitted(known, worth(known).tolist())(features(5, 4)) for _ in range(2))
    assert np.array_equal(one, other)


def test_anchors_are_far_from_one_another() -> None:
    cluster = np.vstack([0.01 * features(50, 0), [[5, 5, 0, 0], [-5, 5, 0, 0], [0, -5, 0, 0]]])
    taken = far_apart(cluster, 4)
    assert {50, 51, 52} < set(taken)
    assert len(far_apart(features(3, 0), 9)) == 3


def test_a_difference_is_one_only_beyond_two_standard_errors() -> None:
    rng = np.random.default_rng(0)
    right = (rng.random(2000) < 0.8).astype(float)
    little, much = right.copy(), right.copy()
    little[:2] = 1 - little[:2]
    much[np.flatnonzero(right)[:60]] = 0
    assert not paired_difference(right, little).separated
    assert paired_difference(right, much).separated
    assert paired_difference(right, much).mean == pytest.approx(0.03)
    assert paired_difference(right, right).error == 0
    assert not paired_difference(right, right).separated


def test_the_ladder_wants_stages_that_cost_what_they_may() -> None:
    space = SearchSpace(3, (Split("a", (1,) * 20),))
    cost = Cost("units", 20.0, lambda plan: np.cumsum(plan.widths["a"]).astype(float))

    def best(*shares: float) -> tuple[int, ...]:
        ladder = Ladder(StageLimits(space, cost, shares))
        plans = [Plan(3, {"a": (i, j, 20 - i - j)}, {}) for i in range(1, 19) for j in range(1, 20 - i)]
        return max(plans, key=lambda plan: ladder(plan).reward).widths["a"]

    assert best(0.2, 0.6) == (4, 8, 8)
    # Half of the only limit, then in equal ratios to the whole: .2, .45, 1.
    assert best(0.4) == (4, 5, 11)
    assert Ladder(StageLimits(space, cost, (0.4,)))(space.uniform()).accuracy is None
