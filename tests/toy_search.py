"""A search whose scores need no network: the more decisions a plan shares with a hidden one, the better it is."""

from collections.abc import Iterable, Iterator

import numpy as np

from s2dnas.search.journal import Score
from s2dnas.search.strategy import Strategy
from s2dnas.space.plan import Plan
from s2dnas.space.space import Concat, SearchSpace, Split

SPACE = SearchSpace(3, tuple(d for k in range(6) for d in (Split(f"split{k}", (2,) * 8), Concat(f"concat{k}"))))
"""1e13 plans."""


def hidden_plan(seed: int) -> Plan:
    return SPACE.sample(np.random.default_rng(100 + seed))


def agreement(space: SearchSpace, plan: Plan, best: Plan) -> float:
    """The share of the decisions that are right."""
    pairs = zip(space.encode(plan), space.encode(best), strict=True)
    return float(np.mean([mine == right for mine, right in pairs]))


def rewarded(rewards: Iterable[float]) -> list[Score]:
    """A score for each reward, which is its accuracy, too, at equal cost."""
    return [Score(accuracy=reward, mean_cost=1.0, reward=reward) for reward in rewards]


def rewards_of(strategy: Strategy, best: Plan, batches: int) -> Iterator[float]:
    """What a strategy's plans are worth, ten a batch."""
    for _ in range(batches):
        plans = strategy.ask(10)
        found = [agreement(strategy.space, plan, best) for plan in plans]
        strategy.tell(plans, rewarded(found))
        yield from found
