"""Evolution breeds plans that are rewarded, plans that are accurate, and cheap ones."""

import numpy as np
import pytest

from s2dnas.search.evolution import EvolutionStrategy
from s2dnas.search.journal import Score
from s2dnas.search.random import RandomStrategy
from s2dnas.search.strategy import Strategy
from toy_search import SPACE, agreement, hidden_plan, rewarded, rewards_of


@pytest.mark.parametrize("seed", range(5))
def test_is_better_than_random_after_400_evaluations(seed: int) -> None:
    ours, random = (
        list(rewards_of(strategy(SPACE, seed), hidden_plan(seed), batches=40))
        for strategy in (EvolutionStrategy, RandomStrategy)
    )
    assert max(ours) > 1.5 * max(random)
    assert np.mean(ours[-50:]) > 3 * np.mean(random)


def found(strategy: Strategy, batches: int = 40) -> list[Score]:
    """Scores of plans that are accurate if they are near one hidden plan, and cheap if they are near another."""
    hidden, scores = [hidden_plan(seed) for seed in (0, 1)], list[Score]()
    for _ in range(batches):
        plans = strategy.ask(10)
        near = [[agreement(SPACE, plan, best) for best in hidden] for plan in plans]
        scores += (new := [Score(accuracy, mean_cost=1 - cheap, reward=0.0) for accuracy, cheap in near])
        strategy.tell(plans, new)
    return scores


@pytest.mark.parametrize("seed", range(3))
def test_rewards_alone_are_enough(seed: int) -> None:
    strategy, best, found = EvolutionStrategy(SPACE, seed), hidden_plan(seed), list[float]()
    for _ in range(40):
        plans = strategy.ask(10)
        found += (new := [agreement(SPACE, plan, best) for plan in plans])
        strategy.tell(plans, [Score(None, None, reward) for reward in new])
    assert max(found) > 1.5 * max(rewards_of(RandomStrategy(SPACE, seed), best, batches=40))


def test_accurate_plans_and_cheap_ones_are_both_found_without_a_reward() -> None:
    ours, random = found(EvolutionStrategy(SPACE, 0)), found(RandomStrategy(SPACE, 0))
    for good in (lambda score: score.accuracy, lambda score: -score.mean_cost):
        assert max(map(good, ours)) > max(map(good, random)) + 0.1
        assert np.mean([good(score) for score in ours[-100:]]) > np.mean([good(score) for score in random]) + 0.1


def test_children_are_made_of_the_plans_that_are_best_so_far() -> None:
    strategy = EvolutionStrategy(SPACE, 0)
    plans = strategy.ask(60)
    strategy.tell(plans, rewarded([1.0] * 20 + [0.0] * 40))
    parents = [SPACE.encode(plan) for plan in plans[:20]]
    for child in map(SPACE.encode, strategy.ask(30)):
        inherited = [choice in {parent[place] for parent in parents} for place, choice in enumerate(child)]
        assert sum(inherited) >= len(inherited) - 1
