"""Search strategies by name."""

from collections.abc import Callable

from s2dnas.errors import SettingsError, nearest
from s2dnas.search.anchored import AnchoredStrategy
from s2dnas.search.controller import ControllerSettings
from s2dnas.search.evolution import EvolutionStrategy
from s2dnas.search.greedy import GreedyStrategy
from s2dnas.search.random import RandomStrategy
from s2dnas.search.reinforce import ReinforceStrategy
from s2dnas.search.strategy import Strategy
from s2dnas.search.tpe import TpeStrategy
from s2dnas.search.uniform import UniformStrategy
from s2dnas.space.limits import StageLimits
from s2dnas.space.space import SearchSpace

Factory = Callable[[SearchSpace, int, ControllerSettings | None, StageLimits | None], Strategy]


def _without_settings(strategy: Callable[[SearchSpace, int, StageLimits | None], Strategy]) -> Factory:
    return lambda space, seed, _, limits: strategy(space, seed, limits)


STRATEGIES: dict[str, Factory] = {
    "anchored": AnchoredStrategy,
    "reinforce": ReinforceStrategy,
    "evolution": _without_settings(EvolutionStrategy),
    "tpe": _without_settings(TpeStrategy),
    "greedy": _without_settings(GreedyStrategy),
    "uniform": _without_settings(UniformStrategy),
    "random": _without_settings(RandomStrategy),
}


def make_strategy(
    name: str,
    space: SearchSpace,
    seed: int,
    settings: ControllerSettings | None = None,
    limits: StageLimits | None = None,
) -> Strategy:
    """A fresh strategy by its name in ``STRATEGIES``; only the controller has settings.

    Raises SettingsError for an unknown name, BudgetError if no plan keeps the limits, and MissingExtraError if the
    strategy needs a library that is not installed.
    """
    if name not in STRATEGIES:
        raise SettingsError(f"unknown strategy {name!r}{nearest(name, STRATEGIES)}")
    if limits is not None:
        limits.known  # noqa: B018  none is an error now, not when the first plan is repaired
    return STRATEGIES[name](space, seed, settings, limits)
