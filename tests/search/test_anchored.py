"""The anchored strategy tries uniform plans first and goes on from the best of them."""

import numpy as np

from s2dnas.search.anchored import AnchoredStrategy
from s2dnas.search.controller import ControllerStrategy
from s2dnas.space.plan import Plan
from s2dnas.space.profiles import uniform_plans
from s2dnas.space.space import Concat, SearchSpace, Split

SPACE = SearchSpace(3, tuple(d for k in range(12) for d in (Split(f"split{k}", (2,) * 8), Concat(f"concat{k}"))))


def agreement(plan: Plan, best: Plan) -> float:
    pairs = zip(SPACE.encode(plan), SPACE.encode(best), strict=True)
    return float(np.mean([mine == right for mine, right in pairs]))


def near(plan: Plan, rng: np.random.Generator, changes: int) -> Plan:
    """Another plan, a few decisions away."""
    choices = SPACE.encode(plan)
    for index in rng.choice(len(choices), changes, replace=False):
        choices[index] = SPACE.decisions[index].sample(3, rng)
    return SPACE.decode(choices)


def found(strategy: AnchoredStrategy | ControllerStrategy, best: Plan, batches: int) -> list[float]:
    scores: list[float] = []
    for _ in range(batches):
        plans = strategy.ask(10)
        scores += (new := [agreement(plan, best) for plan in plans])
        strategy.tell(plans, new)
    return scores


def test_all_uniform_plans_come_first() -> None:
    strategy, plans = AnchoredStrategy(SPACE, 0), list[Plan]()
    while len(plans) < len(uniform_plans(SPACE)):
        plans += (asked := strategy.ask(10))
        strategy.tell(asked, [0.0] * 10)
    assert set(uniform_plans(SPACE)) <= set(plans)


def test_it_goes_on_around_the_best_of_them() -> None:
    rng = np.random.default_rng(0)
    anchor = uniform_plans(SPACE)[5]
    best = near(anchor, rng, 6)
    scores = found(AnchoredStrategy(SPACE, 0), best, batches=60)
    assert np.mean(scores[30:130]) > 0.7 * agreement(anchor, best)
    assert max(scores) > agreement(anchor, best)
    assert max(scores) > max(found(ControllerStrategy(SPACE, 0), best, batches=60))
