"""The contract of every strategy."""

from itertools import product

import numpy as np
import pytest

from s2dnas.arrays import FloatArray
from s2dnas.errors import BudgetError, SettingsError
from s2dnas.search.controller import ControllerSettings
from s2dnas.search.registry import STRATEGIES, make_strategy
from s2dnas.search.reinforce import ReinforceStrategy
from s2dnas.search.strategy import Strategy
from s2dnas.space.costs import Cost
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.space import Concat, SearchSpace, Split
from toy_search import rewarded

SPACES = {
    "three stages": SearchSpace(3, (Split("a", (2,) * 6), Concat("c"), Split("b", (4, 4, 4)), Concat("d"))),
    "two stages": SearchSpace(2, (Split("a", (1,) * 9), Split("b", (1, 3)), Concat("c"))),
    "five stages": SearchSpace(5, (Concat("c"), Split("a", (1,) * 7))),
    "no choice but one": SearchSpace(2, (Split("a", (1, 1)),)),
}
SPACE = SPACES["three stages"]
FIXED = {"uniform"}
"""Strategies of a few plans that are known from the start, whatever the seed."""
WITHIN = FIXED | {"greedy"}
"""Strategies that begin within the limits and need not draw a plan beyond them."""


@pytest.fixture(params=sorted(STRATEGIES.keys() - FIXED))
def seeded(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=sorted(STRATEGIES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def strategy(name: str) -> Strategy:
    return make_strategy(name, SPACE, seed=0)


def history(strategy: Strategy, rounds: int = 4, count: int = 5) -> list[str]:
    keys = []
    for _ in range(rounds):
        plans = strategy.ask(count)
        strategy.tell(plans, rewarded(sum(plan.widths["a"][:1]) for plan in plans))
        keys += [plan.key for plan in plans]
    return keys


@pytest.mark.parametrize(("space", "count"), list(product(SPACES.values(), [1, 7])))
def test_asks_give_so_many_plans_of_the_space(name: str, space: SearchSpace, count: int) -> None:
    strategy = make_strategy(name, space, seed=3)
    for _ in range(3):
        plans = strategy.ask(count)
        assert len(plans) == count
        for plan in plans:
            assert space.decode(space.encode(plan)) == plan
        strategy.tell(plans, rewarded([0.5] * count))


def limits(*shares: float) -> StageLimits:
    """Where a piece costs what it is worth to the stages that hold it, and reading earlier features costs a little."""

    def of(plan: Plan) -> FloatArray:
        reading = sum(map(sum, plan.indicators.values()))
        return np.cumsum([sum(width[stage] for width in plan.widths.values()) for stage in range(3)]) + 0.1 * reading

    return StageLimits(SPACE, Cost("pieces", 25.0, of), shares)


@pytest.mark.parametrize("shares", [(0.3,), (0.3, 0.6), (0.27, 0.9, 1.0), (1.0, 0.52)])
def test_every_plan_keeps_the_limits_however_few_do(name: str, shares: tuple[float, ...]) -> None:
    kept = limits(*shares)
    strategy = make_strategy(name, SPACE, 0, limits=kept)
    for _ in range(5):
        plans = strategy.ask(6)
        assert len(plans) == 6
        assert all((kept.cost.shares(plan)[: len(shares)] <= np.array(shares) + 1e-9).all() for plan in plans)
        strategy.tell(plans, rewarded([0.5] * 6))
    assert strategy.feasible < strategy.proposed or name in WITHIN


def test_limits_that_no_plan_keeps_are_refused_with_the_nearest(name: str) -> None:
    with pytest.raises(BudgetError, match=r"20\.0 % of the static pieces or less; the nearest has 24\.0 / "):
        make_strategy(name, SPACE, 0, limits=limits(0.2))


def test_every_plan_of_a_small_space_is_reached(seeded: str) -> None:
    space = SearchSpace(3, (Split("a", (1,) * 4), Concat("c")))
    assert len(set(make_strategy(seeded, space, seed=0).ask(400))) == space.size


def test_equal_seeds_give_equal_searches(name: str) -> None:
    assert history(make_strategy(name, SPACE, seed=1)) == history(make_strategy(name, SPACE, seed=1))


def test_other_seeds_give_other_searches(seeded: str) -> None:
    assert history(make_strategy(seeded, SPACE, seed=1)) != history(make_strategy(seeded, SPACE, seed=2))


def test_the_first_plans_do_not_depend_on_how_many_are_asked(name: str) -> None:
    assert make_strategy(name, SPACE, seed=1).ask(9)[:4] == make_strategy(name, SPACE, seed=1).ask(4)


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_or_too_many_scores_are_refused_and_can_be_put_right(strategy: Strategy, count: int) -> None:
    plans = strategy.ask(2)
    with pytest.raises(SettingsError, match="one score each"):
        strategy.tell(plans, rewarded([1.0] * count))
    strategy.tell(plans, rewarded([1.0, 2.0]))


def test_only_the_plans_of_the_last_ask_can_be_told(strategy: Strategy) -> None:
    with pytest.raises(SettingsError, match="last ask"):
        strategy.tell([], [])
    earlier, plans = strategy.ask(2), strategy.ask(2)
    for other in (earlier, plans[::-1], plans[:1]):
        with pytest.raises(SettingsError, match="last ask"):
            strategy.tell(other, rewarded([1.0] * len(other)))
    strategy.tell(plans, rewarded([1.0, 1.0]))
    with pytest.raises(SettingsError, match="last ask"):
        strategy.tell(plans, rewarded([1.0, 1.0]))


def test_asking_for_nothing_is_refused(strategy: Strategy) -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        strategy.ask(0)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match="did you mean 'reinforce'"):
        make_strategy("reinforc", SPACE, seed=0)


@pytest.mark.parametrize("name", ["evolution", "random", "tpe"])
def test_no_plan_is_proposed_twice_before_the_space_is_exhausted(name: str) -> None:
    space = SearchSpace(3, (Split("a", (1,) * 5), Concat("c")))
    strategy, plans = make_strategy(name, space, seed=0), list[Plan]()
    while len(plans) < space.size + 10:
        plans += (asked := strategy.ask(29))
        strategy.tell(asked, rewarded(plan.widths["a"][0] / 5 for plan in asked))
    assert len(set(plans[: space.size])) == space.size


def test_settings_are_those_of_the_controller() -> None:
    settings = ControllerSettings(hidden=5, learning_rate=0.1)
    strategy = make_strategy("reinforce", SPACE, 0, settings)
    assert isinstance(strategy, ReinforceStrategy)
    assert strategy.settings == settings
    assert history(strategy) != history(make_strategy("reinforce", SPACE, 0))
