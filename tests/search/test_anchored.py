"""The anchored strategy tries uniform plans first and goes on from the best of them."""

import numpy as np
import pytest

from s2dnas.search.anchored import AnchoredStrategy
from s2dnas.search.controller import ControllerSettings
from s2dnas.search.reinforce import ReinforceStrategy
from s2dnas.space.plan import Plan
from s2dnas.space.profiles import uniform_plans
from s2dnas.space.space import Concat, SearchSpace, Split
from toy_search import agreement, rewarded, rewards_of

SPACE = SearchSpace(3, tuple(d for k in range(12) for d in (Split(f"split{k}", (2,) * 8), Concat(f"concat{k}"))))


def near(plan: Plan, rng: np.random.Generator, changes: int) -> Plan:
    """Another plan, a few decisions away."""
    choices = SPACE.encode(plan)
    for index in rng.choice(len(choices), changes, replace=False):
        choices[index] = SPACE.decisions[index].sample(3, rng)
    return SPACE.decode(choices)


def test_all_uniform_plans_come_first() -> None:
    strategy, plans = AnchoredStrategy(SPACE, 0), list[Plan]()
    while len(plans) < len(uniform_plans(SPACE)):
        plans += (asked := strategy.ask(10))
        strategy.tell(asked, rewarded([0.0] * 10))
    assert set(uniform_plans(SPACE)) <= set(plans)


def test_it_goes_on_around_the_best_of_them() -> None:
    rng = np.random.default_rng(0)
    anchor = uniform_plans(SPACE)[5]
    best = near(anchor, rng, 6)
    scores = list(rewards_of(AnchoredStrategy(SPACE, 0), best, batches=60))
    assert np.mean(scores[30:130]) > 0.7 * agreement(SPACE, anchor, best)
    assert max(scores) > agreement(SPACE, anchor, best)
    assert max(scores) > max(rewards_of(ReinforceStrategy(SPACE, 0), best, batches=60))


def told(strategy: AnchoredStrategy, best: Plan, count: int) -> None:
    """Ask for ``count`` plans at a time, until all uniform ones have been told; the best is worth 1, all others 0."""
    for _ in range(-(-len(uniform_plans(SPACE)) // count)):
        plans = strategy.ask(count)
        strategy.tell(plans, rewarded(float(plan == best) for plan in plans))


@pytest.mark.parametrize("place", [0, 11, 20])
@pytest.mark.parametrize("count", [4, 10, 30])
def test_it_goes_on_around_the_best_whichever_batch_that_was_in(place: int, count: int) -> None:
    strategy, anchors = AnchoredStrategy(SPACE, 0), uniform_plans(SPACE)
    told(strategy, anchors[place], count)
    plans = strategy.ask(30)
    nearness = [np.mean([agreement(SPACE, plan, anchor) for plan in plans]) for anchor in anchors]
    assert int(np.argmax(nearness)) == place


def test_a_batch_is_filled_up_with_plans_that_follow_the_seed() -> None:
    one, same, other = (AnchoredStrategy(SPACE, seed).ask(25) for seed in (1, 1, 2))
    anchors = uniform_plans(SPACE)
    assert one[: len(anchors)] == anchors
    assert one == same
    assert set(one[len(anchors) :]).isdisjoint(other)


def test_settings_are_those_of_its_controller() -> None:
    """What follows the uniform plans is learned as fast as the settings say."""
    best = uniform_plans(SPACE)[5]
    still, quick = (AnchoredStrategy(SPACE, 0, ControllerSettings(8, rate)) for rate in (1e-9, 0.1))
    for strategy in (still, quick):
        told(strategy, best, 21)
        list(rewards_of(strategy, near(best, np.random.default_rng(0), 12), batches=3))
    assert still.ask(10) != quick.ask(10)
