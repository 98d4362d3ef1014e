"""Search strategies by name."""

from collections.abc import Callable

from s2dnas.errors import SettingsError, nearest
from s2dnas.search.anchored import AnchoredStrategy
from s2dnas.search.controller import ControllerSettings, ControllerStrategy
from s2dnas.search.random import RandomStrategy
from s2dnas.search.strategy import Strategy
from s2dnas.space.space import SearchSpace

Factory = Callable[[SearchSpace, int, ControllerSettings | None], Strategy]

STRATEGIES: dict[str, Factory] = {
    "anchored": AnchoredStrategy,
    "controller": ControllerStrategy,
    "random": lambda space, seed, _: RandomStrategy(space, seed),
}


def make_strategy(name: str, space: SearchSpace, seed: int, settings: ControllerSettings | None = None) -> Strategy:
    """A fresh strategy by its name in ``STRATEGIES``; only a controller has settings.

    Raises SettingsError for an unknown name.
    """
    if name not in STRATEGIES:
        raise SettingsError(f"unknown strategy {name!r}{nearest(name, STRATEGIES)}")
    return STRATEGIES[name](space, seed, settings)
