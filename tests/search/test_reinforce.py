"""Policy gradient learns: it solves a toy, beats random search, and does so twice the same."""

import numpy as np
import pytest
import torch

from s2dnas.errors import SettingsError
from s2dnas.search.controller import ControllerSettings
from s2dnas.search.random import RandomStrategy
from s2dnas.search.reinforce import ReinforceStrategy
from s2dnas.space.plan import Plan
from s2dnas.space.space import Concat, SearchSpace, Split
from toy_search import SPACE, agreement, hidden_plan, rewarded, rewards_of

SEEDS = (0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3, 4)))


@pytest.mark.parametrize("seed", SEEDS)
def test_finds_the_best_of_1e13_plans_in_2000_evaluations(seed: int) -> None:
    assert 1.0 in rewards_of(ReinforceStrategy(SPACE, seed), hidden_plan(seed), batches=200)


@pytest.mark.parametrize("seed", SEEDS)
def test_is_better_than_random_after_400_evaluations(seed: int) -> None:
    ours, random = (
        list(rewards_of(strategy, hidden_plan(seed), batches=40))
        for strategy in (ReinforceStrategy(SPACE, seed), RandomStrategy(SPACE, seed))
    )
    assert max(ours) > max(random)
    assert np.mean(ours[-50:]) > 2 * np.mean(random)


def test_learns_twice_the_same() -> None:
    one, other = (list(rewards_of(ReinforceStrategy(SPACE, 1), hidden_plan(1), batches=8)) for _ in range(2))
    assert one == other


def test_what_it_learns_depends_on_the_rewards() -> None:
    one, other = ReinforceStrategy(SPACE, 1), ReinforceStrategy(SPACE, 1)
    list(rewards_of(one, hidden_plan(1), batches=8))
    list(rewards_of(other, hidden_plan(2), batches=8))
    assert one.ask(10) != other.ask(10)


def test_rewards_count_by_their_order_and_not_by_their_scale() -> None:
    strategies = [ReinforceStrategy(SPACE, 1) for _ in range(2)]
    for strategy, scale in zip(strategies, (1.0, 1000.0), strict=True):
        for _ in range(5):
            plans = strategy.ask(10)
            strategy.tell(plans, rewarded(scale * agreement(SPACE, plan, hidden_plan(0)) for plan in plans))
    assert strategies[0].ask(10) == strategies[1].ask(10)


def test_learns_from_one_plan_at_a_time() -> None:
    space = SearchSpace(2, (Split("a", (1,) * 5), Concat("c")))
    strategy = ReinforceStrategy(space, 0)
    for _ in range(150):
        (plan,) = strategy.ask(1)
        strategy.tell([plan], rewarded([plan.widths["a"][0] - plan.indicators["c"][0]]))
    assert strategy.best_guess() == Plan(2, {"a": (4, 1)}, {"c": (False,)})
    assert len(set(strategy.ask(1000))) > 1  # the tanh keeps every option possible


def test_equal_rewards_teach_nothing_but_stay_finite() -> None:
    strategy = ReinforceStrategy(SPACE, 0)
    for _ in range(5):
        strategy.tell(strategy.ask(4), rewarded([0.3] * 4))
    assert len(set(strategy.ask(20))) > 15


def test_best_guess_beats_what_is_asked_on_average_and_draws_nothing() -> None:
    strategy, best = ReinforceStrategy(SPACE, 0), hidden_plan(0)
    last = list(rewards_of(strategy, best, batches=60))[-100:]
    guess = strategy.best_guess()
    assert strategy.best_guess() == guess
    assert agreement(SPACE, guess, best) > np.mean(last)


def test_the_callers_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    strategy = ReinforceStrategy(SPACE, 0)
    strategy.tell(strategy.ask(3), rewarded([0.1, 0.2, 0.3]))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "fault",
    [
        {"hidden": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"entropy_weight": -1.0},
        {"baseline_decay": 1.0},
        {"tanh_constant": 0.0},
    ],
)
def test_settings_out_of_range_are_refused_by_name(fault: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(fault))):
        ControllerSettings(**fault)  # type: ignore[arg-type]


@pytest.mark.parametrize("space", [SearchSpace(3, ()), SearchSpace(1, (Split("a", (1, 1)), Concat("c")))])
def test_a_space_without_decisions_is_refused(space: SearchSpace) -> None:
    with pytest.raises(SettingsError, match="nothing to decide"):
        ReinforceStrategy(space, 0)
