"""What costs alone tell of a plan: nothing is run. Every evaluator has to beat it."""

from dataclasses import dataclass

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.search.journal import Score
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan


@dataclass(frozen=True, eq=False)
class Ladder:
    """Rewards the plan whose stages cost what they may: minus the mean of |log(cost / rung)| over the stages.

    A stage's rung is its limit. Where only the first of S stages has one, its rung is half of that, so that a budget of
    the limit is dynamic, and those of the others grow in equal ratios to the cost of the static network.
    """

    limits: StageLimits

    def __call__(self, plan: Plan) -> Score:
        """The score of a plan; it knows neither accuracy nor mean cost."""
        distance = np.abs(np.log(self.limits.cost.shares(plan) / self._rungs(plan.num_stages)))
        return Score(None, None, -float(distance.mean()))

    def _rungs(self, count: int) -> FloatArray:
        """(S,) shares of the static cost."""
        named = self.limits.shares
        if len(named) == 1:
            return np.geomspace(named[0] / 2, 1.0, count)
        return np.concatenate([named, np.geomspace(named[-1], 1.0, count - len(named) + 1)[1:]])
