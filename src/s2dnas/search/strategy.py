"""What every search strategy is: ask it for plans, tell it their scores. It knows neither networks nor data."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

import numpy as np

from s2dnas.errors import SettingsError
from s2dnas.search.journal import Score
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.space import SearchSpace

_DRAWS = 8
"""How often plans are drawn anew that exceed the limits, before what is drawn is repaired."""


class Strategy(ABC):
    """Chooses plans of a search space; a subclass says how to propose them and what to learn from their scores.

    Plans that exceed the ``limits`` are never given: they are drawn anew, and repaired where that does not help.
    ``proposed`` counts what was drawn, ``feasible`` what of it kept the limits. ``entropy``: how undecided the policy
    was at the last ``tell``, in nats per decision; None without one.
    Equal seeds and equal scores give equal plans.
    """

    def __init__(self, space: SearchSpace, seed: int, limits: StageLimits | None = None) -> None:
        self.space, self.limits = space, limits
        self.proposed, self.feasible = 0, 0
        self.entropy: float | None = None
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
    def tell(self, plans: Sequence[Plan], scores: Sequence[Score]) -> None:
        """Learn from the scores of the plans of the last ``ask``, in its order.

        Raises SettingsError if these are other plans, or if there is not one score for each.
        """
        if not plans or list(plans) != self._asked:
            raise SettingsError(
                f"scores belong to the {len(self._asked)} plans of the last ask, in its order; "
                f"these are {len(plans)} other ones; tell after each ask, once"
            )
        if len(scores) != len(plans):
            raise SettingsError(f"{len(plans)} plans need one score each, not {len(scores)} in all; score every plan")
        self._asked = []
        self._learn(plans, scores)

    @abstractmethod
    def _propose(self, count: int) -> list[Plan]:
        """``count`` plans of the space; asked again, before anything is learned, for those that exceed the limits."""

    @abstractmethod
    def _learn(self, plans: Sequence[Plan], scores: Sequence[Score]) -> None:
        """Take in the scores of the plans that ``ask`` gave last: some may be repaired ones of ``_propose``."""
