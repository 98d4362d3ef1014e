"""The plans that a person would try: all couplings divided alike."""

from collections.abc import Sequence
from itertools import cycle, islice

from s2dnas.search.journal import Score
from s2dnas.search.strategy import Strategy
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.profiles import uniform_plans
from s2dnas.space.space import SearchSpace


class UniformStrategy(Strategy):
    """Every plan that divides all couplings alike and keeps the limits, from the thinnest first stage to the widest.

    Then the same plans again, which a search need not score again. The seed changes nothing.
    """

    def __init__(self, space: SearchSpace, seed: int, limits: StageLimits | None = None) -> None:
        super().__init__(space, seed, limits)
        self._plans = cycle(uniform_plans(space) if limits is None else limits.known)

    def _propose(self, count: int) -> list[Plan]:
        return list(islice(self._plans, count))

    def _learn(self, plans: Sequence[Plan], scores: Sequence[Score]) -> None:
        """Nothing: the plans are fixed."""
