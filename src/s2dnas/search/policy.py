"""A strategy that keeps a policy: others may sample plans from it, without disturbing its search."""

from abc import abstractmethod
from typing import final

import numpy as np
import torch

from s2dnas.errors import SettingsError
from s2dnas.search.strategy import Strategy
from s2dnas.space.plan import Plan

_CANDIDATES = 8
"""How many plans are drawn at once, where there are limits, so that one of them keeps these."""


class PolicyStrategy(Strategy):
    """A strategy that proposes what its policy samples; a subclass says how that is drawn."""

    @final
    def sample(self, generator: torch.Generator) -> Plan:
        """A plan that the policy as it is now draws, within the limits. The search goes on as if nothing was drawn."""
        if (limits := self.limits) is None:
            (plan,) = self._draw(1, generator)
            return plan
        drawn = self._draw(_CANDIDATES, generator)
        kept = (plan for plan in drawn if limits.hold(plan))
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
        return next(kept, None) or limits.repaired(drawn[0], rng)

    @abstractmethod
    def _draw(self, count: int, generator: torch.Generator) -> list[Plan]:
        """``count`` plans of the policy, by nothing that is random but the generator."""


def with_policy(strategy: Strategy) -> PolicyStrategy:
    """The strategy, if it keeps a policy. Raises SettingsError if it does not."""
    if not isinstance(strategy, PolicyStrategy):
        raise SettingsError(
            f"search.weights 'alternating' trains on plans that a policy samples, and {type(strategy).__name__} keeps "
            "none; set search.strategy=reinforce"
        )
    return strategy
