"""What every search strategy is: ask it for plans, tell it their rewards. It knows neither networks nor data."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

import numpy as np

from s2dnas.errors import SettingsError
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.space import SearchSpace

_DRAWS = 8
"""How often plans are drawn anew that exceed the limits, before what is drawn is repaired."""


class Strategy(ABC):
    """Chooses plans of a search space; a subclass says how to propose them and what to learn from their rewards.

    Plans that exceed the ``limits`` are never given: they are drawn anew, and repaired where that does not help.
    ``proposed`` counts what was drawn, ``feasible`` what of it kept the limits.
    Equal seeds and equal rewards give equal plans.
    """

    def __init__(self, space: SearchSpace, seed: int, limits: StageLimits | None = None) -> None:
        self.space, self.limits = space, limits
        self.proposed, self.feasible = 0, 0
        self._repairs = np.random.default_rng([seed, 1])
        self._asked: list[Plan] = []

    @final
    def ask(self, count: int) -> list[Plan]:
        """``count`` plans to score next. Raises SettingsError for a count below 1."""
        if count < 1:
            raise SettingsError(f"a strategy is asked for at least 1 plan, not {count}; give a positive batch")
        self._asked = self._within_limits(count)
        return list(self._asked)

    def _within_limits(self, count: int) -> list[Plan]:
        kept, exceeding = list[Plan](), list[Plan]()
        for _ in range(_DRAWS):
            drawn = self._propose(count - len(kept))
            within = [plan for plan in drawn if self.limits is None or self.limits.hold(plan)]
            exceeding = [plan for plan in drawn if plan not in within]
            self.proposed, self.feasible = self.proposed + len(drawn), self.feasible + len(within)
            kept += within
            if not exceeding:
                return kept
        return kept + [self.limits.repaired(plan, self._repairs) for plan in exceeding if self.limits]

    @final
    def tell(self, plans: Sequence[Plan], rewards: Sequence[float]) -> None:
        """Learn from the rewards of the plans of the last ``ask``, in its order.

        Raises SettingsError if these are other plans, or if the rewards are not one finite number each.
        """
        if not plans or list(plans) != self._asked:
            raise SettingsError(
                f"rewards belong to the {len(self._asked)} plans of the last ask, in its order; "
                f"these are {len(plans)} other ones; tell after each ask, once"
            )
        if len(rewards) != len(plans) or not all(map(math.isfinite, rewards)):
            raise SettingsError(
                f"{len(plans)} plans need one finite reward each, not {list(rewards)}; check the evaluator"
            )
        self._asked = []
        self._learn(plans, rewards)

    @abstractmethod
    def _propose(self, count: int) -> list[Plan]:
        """``count`` plans of the space; asked again, before anything is learned, for those that exceed the limits."""

    @abstractmethod
    def _learn(self, plans: Sequence[Plan], rewards: Sequence[float]) -> None:
        """Take in the finite rewards of the plans that ``_propose`` gave last."""
