"""Uniform random search: the yardstick of every other strategy."""

from collections.abc import Sequence

import numpy as np

from s2dnas.search.journal import Score
from s2dnas.search.strategy import Strategy
from s2dnas.search.unseen import Unseen
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.space import SearchSpace


class RandomStrategy(Strategy):
    """Plans uniformly at random, none twice before the space is exhausted."""

    def __init__(self, space: SearchSpace, seed: int, limits: StageLimits | None = None) -> None:
        super().__init__(space, seed, limits)
        self._rng = np.random.default_rng(seed)
        self._unseen = Unseen(space)

    def _propose(self, count: int) -> list[Plan]:
        return [self._unseen.first(self._drawn(), lambda _: self._drawn()) for _ in range(count)]

    def _drawn(self) -> Plan:
        return self.space.sample(self._rng)

    def _learn(self, plans: Sequence[Plan], scores: Sequence[Score]) -> None:
        """Nothing: random search does not look at scores."""
