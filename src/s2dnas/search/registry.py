"""Search strategies by name."""

from collections.abc import Callable

from s2dnas.errors import SettingsError, nearest
from s2dnas.search.anchored import AnchoredStrategy
from s2dnas.search.controller import ControllerSettings
from s2dnas.search.random import RandomStrategy
from s2dnas.search.reinforce import ReinforceStrategy
from s2dnas.search.strategy import Strategy
from s2dnas.space.limits import StageLimits
from s2dnas.space.space import SearchSpace

Factory = Callable[[SearchSpace, int, ControllerSettings | None, StageLimits | None], Strategy]

STRATEGIES: dict[str, Factory] = {
    "anchored": AnchoredStrategy,
    "reinforce": ReinforceStrategy,
    "random": lambda space, seed, _, limits: RandomStrategy(space, seed, limits),
}


def make_strategy(
    name: str,
    space: SearchSpace,
    seed: int,
    settings: ControllerSettings | None = None,
    limits: StageLimits | None = None,
) -> Strategy:
    """A fresh strategy by its name in ``STRATEGIES``; only the controller has settings.

    Raises SettingsError for an unknown name, and BudgetError if no plan keeps the limits.
    """
    if name not in STRATEGIES:
        raise SettingsError(f"unknown strategy {name!r}{nearest(name, STRATEGIES)}")
    if limits is not None:
        limits.known  # noqa: B018  none is an error now, not when the first plan is repaired
    return STRATEGIES[name](space, seed, settings, limits)
