"""The controller, begun at the best of the plans that a person would try first."""

from collections.abc import Sequence

import numpy as np
import torch

from s2dnas.search.controller import ControllerSettings
from s2dnas.search.journal import Score
from s2dnas.search.reinforce import ReinforceStrategy
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.profiles import draw_around_a_profile, uniform_plans
from s2dnas.space.space import SearchSpace


class AnchoredStrategy(ReinforceStrategy):
    """First every plan that divides all couplings alike and keeps the limits, then a controller begun at the best.

    So a search never ends below the uniform plans, and its evaluations are spent near what works. A last batch of
    uniform plans is filled up with plans drawn around random profiles.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        settings: ControllerSettings | None = None,
        limits: StageLimits | None = None,
    ) -> None:
        super().__init__(space, seed, settings, limits)
        self._profiles = np.random.default_rng(seed)
        self._anchors = list(uniform_plans(space) if limits is None else limits.uniform)
        self._rewards: dict[Plan, float] = {}
        self._started = False

    def _propose(self, count: int) -> list[Plan]:
        if self._started:
            return super()._propose(count)
        taken, self._anchors = self._anchors[:count], self._anchors[count:]
        return taken + [draw_around_a_profile(self.space, self._profiles) for _ in range(count - len(taken))]

    def _draw(self, count: int, generator: torch.Generator) -> list[Plan]:
        if self._started:
            return super()._draw(count, generator)
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
        return [draw_around_a_profile(self.space, rng) for _ in range(count)]

    def _learn(self, plans: Sequence[Plan], scores: Sequence[Score]) -> None:
        if self._started:
            super()._learn(plans, scores)
            return
        self._rewards |= {plan: score.reward for plan, score in zip(plans, scores, strict=True)}
        if not self._anchors:
            self.start_at(max(self._rewards, key=self._rewards.__getitem__))
            self._started = True
