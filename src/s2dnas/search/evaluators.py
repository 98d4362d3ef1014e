"""Scores plans by dynamic inference on the search split, with thresholds chosen there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.calibration import Frontier, best_rule, frontier
from s2dnas.evaluation.collect import Batches, collect
from s2dnas.exits import ExitTable, operating_point
from s2dnas.exits.confidence import DEFAULT_CONFIDENCE
from s2dnas.network.multi_exit import MultiExitNet
from s2dnas.search.journal import Score
from s2dnas.search.reward import reward
from s2dnas.space.costs import Cost
from s2dnas.space.plan import Plan


@dataclass(frozen=True)
class Objective:
    """What a plan is rewarded for: ACC x (COST / static)^exponent, among thresholds whose mean cost is <= a budget.

    With several ``budgets``, the mean over them: one network is to serve all. ``static_cost`` and budgets are per
    sample, in the unit of the tables. Where a plan's first stage exceeds a budget, it is scored by its cheapest
    thresholds, times budget / cost: the lower, the further it is off.
    ``resolution`` is the number of quantiles that each threshold is chosen from.
    """

    static_cost: float
    budgets: tuple[float, ...]
    exponent: float = -0.07
    confidence: str = DEFAULT_CONFIDENCE
    resolution: int = 100

    def score(self, table: ExitTable) -> Score:
        """The score of what a plan answered, by the thresholds that are worth most; means over the budgets."""
        front = frontier(table, self.resolution)
        scores = [self._at(budget, table, front) for budget in self.budgets]
        accuracy, cost, worth = np.mean([(s.accuracy, s.mean_cost, s.reward) for s in scores], axis=0).tolist()
        return Score(accuracy, cost, worth)

    def _at(self, budget: float, table: ExitTable, front: Frontier) -> Score:
        rule = best_rule(front, self._worth, max(budget, float(front.costs[0])))
        point = operating_point(table, rule, "reward")
        worth = float(self._worth(np.array(point.accuracy), np.array(point.mean_cost)))
        return Score(point.accuracy, point.mean_cost, worth * min(1.0, budget / point.mean_cost))

    def _worth(self, accuracy: FloatArray, cost: FloatArray) -> FloatArray:
        return reward(accuracy, cost, self.static_cost, self.exponent)


def evaluator(
    network_of: Callable[[Plan], MultiExitNet], search_batches: Batches, objective: Objective, cost: Cost | None = None
) -> Callable[[Plan], Score]:
    """An evaluator ``Plan -> Score``, given how a plan gets its network, the search split's images and labels, and what
    plans cost; None: the multiply-adds of their networks.
    """

    def evaluate(plan: Plan) -> Score:
        answered = collect(network_of(plan), search_batches, objective.confidence)
        return objective.score(answered if cost is None else answered.priced(cost.of(plan), cost.unit))

    return evaluate
