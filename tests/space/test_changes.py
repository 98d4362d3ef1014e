"""A single change of a plan."""

import numpy as np
import pytest

from s2dnas.space.changes import changed_once, changes
from s2dnas.space.plan import Plan
from s2dnas.space.space import Concat, SearchSpace, Split

SPACE = SearchSpace(3, (Split("a", (2,) * 6), Concat("c"), Split("whole", (1,) * 3)))


def drawn(plan: Plan, count: int = 200) -> set[Plan]:
    rng = np.random.default_rng(0)
    return {changed_once(SPACE, plan, rng) for _ in range(count)}


def test_every_change_of_a_decision_is_drawn_and_nothing_else() -> None:
    start = [(4, 1, 1), (1, 0, 1), (1, 1, 1)]
    moved = {(3, 2, 1), (3, 1, 2), (1, 4, 1), (1, 1, 4)}
    flipped = {(0, 0, 1), (1, 1, 1), (1, 0, 0)}
    wanted = [[choice, *start[1:]] for choice in moved] + [[start[0], choice, start[2]] for choice in flipped]
    assert set(changes(SPACE.decisions[0], start[0])) == moved
    assert drawn(SPACE.decode(start)) == {SPACE.decode(choices) for choices in wanted}


def test_only_changes_that_are_kept_are_drawn() -> None:
    plan = SPACE.decode([(4, 1, 1), (1, 0, 1), (1, 1, 1)])
    rng = np.random.default_rng(0)
    found = {changed_once(SPACE, plan, rng, kept=lambda before, after: sum(after) < sum(before)) for _ in range(50)}
    assert found == {SPACE.decode([(4, 1, 1), flags, (1, 1, 1)]) for flags in [(0, 0, 1), (1, 0, 0)]}


@pytest.mark.parametrize("space", [SearchSpace(2, (Split("a", (1, 1)),)), SearchSpace(2, ())])
def test_a_plan_that_cannot_be_changed_stays(space: SearchSpace) -> None:
    plan = space.uniform()
    assert changed_once(space, plan, np.random.default_rng(0)) == plan
