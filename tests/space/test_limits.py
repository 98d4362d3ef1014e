"""Limits on stages: which plans keep them, and how a plan is led back to one that does."""

import numpy as np
import pytest

from s2dnas.arrays import FloatArray
from s2dnas.errors import BudgetError
from s2dnas.space.changes import changes
from s2dnas.space.costs import Cost
from s2dnas.space.limits import StageLimits, stage_limits
from s2dnas.space.plan import Plan
from s2dnas.space.space import Concat, SearchSpace, Split

SPACE = SearchSpace(2, (*(Split(f"split{k}", (1,) * 10) for k in range(6)), Concat("concat")))


def of(plan: Plan) -> FloatArray:
    """The first stage costs its units, the second what there is left."""
    first = sum(widths[0] for widths in plan.widths.values())
    return np.array([first, 60.0])


COST = Cost("units", 60.0, of)


def test_a_repaired_plan_keeps_the_limits_and_as_many_decisions_as_it_can() -> None:
    limits, rng = StageLimits(SPACE, COST, (0.5,)), np.random.default_rng(0)
    wide = SPACE.uniform([0.9, 0.1])
    for _ in range(20):
        plan = limits.repaired(wide, rng)
        assert limits.hold(plan)
        # A known plan has at most 5 units of 10 in the first stage, so from 54 to 30 takes 4 to 6 decisions of 6.
        assert sum(a == b for a, b in zip(SPACE.encode(plan), SPACE.encode(wide), strict=True)) >= 1


def test_a_plan_that_keeps_them_is_left_alone() -> None:
    plan = SPACE.uniform([0.3, 0.7])
    assert StageLimits(SPACE, COST, (0.5,)).repaired(plan, np.random.default_rng(0)) == plan


def test_plans_are_found_where_no_uniform_one_keeps_the_limits() -> None:
    uneven = Cost("units", 60.0, lambda plan: np.array([plan.widths["split0"][0] - plan.widths["split1"][0] + 9.0, 60]))
    limits = StageLimits(SPACE, uneven, (4 / 60,))
    assert limits.uniform == []
    assert limits.hold(limits.repaired(SPACE.uniform(), np.random.default_rng(0)))


def test_the_first_stage_has_to_keep_the_smallest_budget() -> None:
    assert stage_limits(SPACE, COST, (0.5, 0.3)).shares == (0.3,)
    assert stage_limits(SPACE, COST, (0.5, 0.3), (0.4, 0.8)).shares == (0.3, 0.8)
    assert stage_limits(SPACE, COST, (0.5,), (0.2,)).shares == (0.2,)


def test_limits_below_the_cheapest_first_stage_name_the_nearest_plan() -> None:
    with pytest.raises(BudgetError, match=r"5\.0 % of the static units or less; the nearest has 10\.0 / 100\.0 %"):
        StageLimits(SPACE, COST, (0.05,)).known  # noqa: B018


def test_no_single_change_of_the_most_expensive_plan_costs_more_within_the_limits() -> None:
    weights = np.arange(1, 7)

    def cost(plan: Plan) -> FloatArray:
        first = np.array([plan.widths[f"split{k}"][0] for k in range(6)])
        return np.array([first @ weights, 200.0 + 5 * plan.indicators["concat"][0]])

    limits = StageLimits(SPACE, Cost("units", 210.0, cost), (0.45,))
    top = limits.most_expensive
    choices = SPACE.encode(top)
    others = [
        SPACE.decode([*choices[:place], choice, *choices[place + 1 :]])
        for place, decision in enumerate(SPACE.decisions)
        for choice in changes(decision, choices[place])
    ]
    assert limits.hold(top)
    assert limits.mean_share(top) > max(map(limits.mean_share, limits.known))
    assert all(limits.mean_share(other) <= limits.mean_share(top) for other in others if limits.hold(other))
    assert limits.mean_share(top) == pytest.approx(sum(cost(top)) / 2 / 210)
