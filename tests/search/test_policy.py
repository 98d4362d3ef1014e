"""Plans are sampled from a policy as it is, and its search goes on as if they had not been."""

from collections import Counter

import numpy as np
import pytest
import torch

from s2dnas.errors import SettingsError
from s2dnas.search.anchored import AnchoredStrategy
from s2dnas.search.journal import Score
from s2dnas.search.policy import PolicyStrategy, with_policy
from s2dnas.search.random import RandomStrategy
from s2dnas.search.reinforce import ReinforceStrategy
from s2dnas.space.costs import Cost
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.profiles import uniform_plans
from s2dnas.space.space import Concat, SearchSpace, Split

SPACE = SearchSpace(3, (Split("a", (2,) * 6), Concat("c"), Split("b", (4, 4, 4)), Concat("d")))
LARGE = SearchSpace(3, tuple(d for k in range(12) for d in (Split(f"split{k}", (2,) * 8), Concat(f"concat{k}"))))
POLICIES = (ReinforceStrategy, AnchoredStrategy)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def width_of_first_stages(plan: Plan) -> float:
    return float(sum(width[0] for width in plan.widths.values()))


def scored(plan: Plan) -> Score:
    return Score(None, None, width_of_first_stages(plan))


def limits(share: float) -> StageLimits:
    def of(plan: Plan) -> np.ndarray:
        return np.cumsum([sum(width[stage] for width in plan.widths.values()) for stage in range(3)]).astype(float)

    return StageLimits(SPACE, Cost("pieces", 24.0, of), (share,))


@pytest.mark.parametrize("kind", POLICIES)
def test_sampling_leaves_the_search_as_it_was(kind: type[ReinforceStrategy]) -> None:
    alone, sampled = kind(SPACE, 0, None, limits(0.3)), kind(SPACE, 0, None, limits(0.3))
    for _ in range(6):
        sampled.sample(seeded())
        plans = sampled.ask(5)
        assert plans == alone.ask(5)
        sampled.sample(seeded(1))
        for strategy in (alone, sampled):
            strategy.tell(plans, [scored(plan) for plan in plans])
    assert (alone.proposed, alone.feasible) == (sampled.proposed, sampled.feasible)


@pytest.mark.parametrize("kind", POLICIES)
def test_the_generator_alone_says_what_is_sampled(kind: type[ReinforceStrategy]) -> None:
    strategy = kind(LARGE, 0)
    first, state = strategy.sample(seeded(1)), torch.random.get_rng_state()
    assert strategy.sample(seeded(1)) == first
    assert strategy.sample(seeded(2)) != first
    assert torch.equal(torch.random.get_rng_state(), state)
    generator = seeded(1)
    assert len({strategy.sample(generator) for _ in range(5)}) == 5


def test_what_the_policy_learned_is_sampled() -> None:
    strategy = ReinforceStrategy(SPACE, 0)
    before = [width_of_first_stages(strategy.sample(seeded(seed))) for seed in range(40)]
    for _ in range(60):
        plans = strategy.ask(10)
        strategy.tell(plans, [scored(plan) for plan in plans])
    after = [width_of_first_stages(strategy.sample(seeded(seed))) for seed in range(40)]
    assert np.mean(before) < 10
    assert np.mean(after) > 11.5  # of 12


def test_samples_are_as_likely_as_proposals() -> None:
    space = SearchSpace(2, (Split("a", (1,) * 4),))
    strategy = ReinforceStrategy(space, 0)
    generator = seeded(3)
    sampled = Counter(strategy.sample(generator).widths["a"] for _ in range(600))
    proposed = Counter(plan.widths["a"] for plan in strategy.ask(600))
    assert sampled.keys() == proposed.keys()
    assert all(abs(sampled[width] - proposed[width]) < 80 for width in sampled)


@pytest.mark.parametrize("share", [0.25, 0.3, 1.0])
def test_samples_keep_the_limits(share: float) -> None:
    kept, generator = limits(share), seeded()
    strategy = ReinforceStrategy(SPACE, 0, None, kept)
    plans = [strategy.sample(generator) for _ in range(30)]
    assert all(kept.hold(plan) for plan in plans)
    assert len(set(plans)) > 1


def test_the_anchored_strategy_samples_around_profiles_until_its_policy_starts() -> None:
    strategy, generator = AnchoredStrategy(LARGE, 0), seeded()
    firsts = [width_of_first_stages(strategy.sample(generator)) for _ in range(30)]
    decided_one_by_one = [width_of_first_stages(ReinforceStrategy(LARGE, 0).sample(generator)) for _ in range(30)]
    assert np.std(firsts) > 2 * np.std(decided_one_by_one)
    anchors = uniform_plans(LARGE)
    plans = strategy.ask(len(anchors))
    strategy.tell(plans, [Score(None, None, float(plan == anchors[3])) for plan in plans])
    near, far = (
        np.mean([np.abs(np.subtract(plan.widths[name], anchor.widths[name])).sum() for name in plan.widths])
        for plan in [strategy.sample(generator)]
        for anchor in (anchors[3], anchors[-1])
    )
    assert near < far


def test_a_strategy_without_a_policy_is_refused() -> None:
    assert isinstance(with_policy(ReinforceStrategy(SPACE, 0)), PolicyStrategy)
    with pytest.raises(SettingsError, match=r"RandomStrategy keeps none; set search\.strategy=reinforce"):
        with_policy(RandomStrategy(SPACE, 0))
