"""Greedy search goes down from the most expensive plan, by what loses least for what it saves."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import pytest

from s2dnas.arrays import FloatArray
from s2dnas.errors import SettingsError
from s2dnas.search.greedy import GreedyStrategy
from s2dnas.search.journal import Score
from s2dnas.search.random import RandomStrategy
from s2dnas.search.strategy import Strategy
from s2dnas.space.costs import Cost
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.space import Concat, SearchSpace, Split

SPACE = SearchSpace(3, tuple(d for k in range(4) for d in (Split(f"split{k}", (2,) * 8), Concat(f"concat{k}"))))
WORTH = np.array([0.1, 1.0, 0.3, 3.0])
"""How much the reward gains from the width of a coupling's earlier stages."""


def costs(plan: Plan) -> FloatArray:
    reading = sum(map(sum, plan.indicators.values()))
    return np.cumsum([sum(width[stage] for width in plan.widths.values()) for stage in range(3)]) + 0.5 * reading


def score(plan: Plan) -> Score:
    early = np.array([2 * width[0] + width[1] for width in plan.widths.values()]) / 32
    cost = float(costs(plan).mean())
    accuracy = float(WORTH @ np.sqrt(early)) / 5
    return Score(accuracy, cost, accuracy * (cost / 64) ** -0.8)


def below(plan: Plan, other: Plan) -> bool:
    """Whether a plan is what another leaves by moving pieces to later stages and switching indicators off."""
    pairs = zip(SPACE.encode(plan), SPACE.encode(other), strict=True)
    return all(a <= b for one, two in pairs for a, b in zip(accumulate(one), accumulate(two), strict=True))


def rounds(strategy: Strategy, count: int, batch: int) -> list[list[Plan]]:
    found = []
    for _ in range(count):
        found.append(strategy.ask(batch))
        strategy.tell(found[-1], list(map(score, found[-1])))
    return found


def best_step(current: Plan, plans: Sequence[Plan]) -> Plan:
    """Which of the plans loses the least reward per cost that it saves."""
    saved = {plan: score(current).mean_cost - score(plan).mean_cost for plan in plans}
    cheaper = [plan for plan in plans if saved[plan] > 0]
    return min(cheaper, key=lambda plan: (score(current).reward - score(plan).reward) / saved[plan])


LIMITS = StageLimits(SPACE, Cost("units", 64.0, costs), (0.45,))


@pytest.mark.parametrize("limits", [None, LIMITS])
def test_each_round_holds_plans_below_the_best_step_of_the_round_before(limits: StageLimits | None) -> None:
    asked = rounds(GreedyStrategy(SPACE, 0, limits), 12, 6)
    current = asked[0][0]
    for before, after in pairwise(asked):
        current = best_step(current, before)
        assert all(below(plan, current) and plan != current for plan in after)
        assert not all(below(plan, other) for plan in after for other in before if other != current)


def test_it_begins_at_the_most_expensive_plan_within_the_limits() -> None:
    first = GreedyStrategy(SPACE, 0, LIMITS).ask(1)
    assert first == [LIMITS.most_expensive]


def test_without_limits_it_begins_with_the_widest_first_stage_that_reads_all() -> None:
    (first,) = GreedyStrategy(SPACE, 0).ask(1)
    assert set(first.widths.values()) == {(12, 2, 2)}
    assert all(map(all, first.indicators.values()))


def test_scores_without_costs_need_limits() -> None:
    unlimited, limited = GreedyStrategy(SPACE, 0), GreedyStrategy(SPACE, 0, LIMITS)
    with pytest.raises(SettingsError, match=r"without a mean cost; give the search limits"):
        unlimited.tell(unlimited.ask(2), [Score(None, None, 0.5)] * 2)
    limited.tell(limited.ask(2), [Score(None, None, 0.5)] * 2)


@pytest.mark.parametrize("seed", range(3))
def test_finds_better_plans_than_random(seed: int) -> None:
    ours, random = (
        max(score(plan).reward for plans in rounds(strategy(SPACE, seed), 20, 10) for plan in plans)
        for strategy in (GreedyStrategy, RandomStrategy)
    )
    assert ours > random


def test_at_the_bottom_it_begins_again_from_the_top_by_other_plans() -> None:
    space = SearchSpace(2, (Split("a", (1,) * 4), Split("b", (1,) * 4), Concat("c")))
    strategy, seen = GreedyStrategy(space, 0), list[Plan]()
    for _ in range(40):
        plans = strategy.ask(1)
        first = sum(width[0] for width in plans[0].widths.values())
        strategy.tell(plans, [Score(0.5, 1.0 + first, reward=0.5)])
        seen += plans
    assert len(set(seen)) == space.size == 18
