"""Scores plans by dynamic inference on the search split, with thresholds chosen there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.calibration import best_rule, frontier
from s2dnas.evaluation.collect import Batches, collect
from s2dnas.exits import ExitRule, ExitTable, decide, operating_point
from s2dnas.exits.confidence import DEFAULT_CONFIDENCE
from s2dnas.network.multi_exit import MultiExitNet
from s2dnas.search.journal import Score
from s2dnas.search.reward import reward
from s2dnas.space.costs import Cost
from s2dnas.space.plan import Plan

AnswersOf = Callable[[Plan], ExitTable]


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
        scores = []
        for budget, rule in zip(self.budgets, self._rules(table), strict=True):
            point = operating_point(table, rule, "reward")
            worth = float(self._worth(np.array(point.accuracy), np.array(point.mean_cost)))
            scores.append((point.accuracy, point.mean_cost, worth * min(1.0, budget / point.mean_cost)))
        return Score(*np.mean(scores, axis=0).tolist())

    def right(self, table: ExitTable) -> FloatArray:
        """(N,): in what share of the budgets each sample is answered rightly, by the same thresholds."""
        outcomes = [decide(table, rule) for rule in self._rules(table)]
        return np.asarray(np.mean([found.predictions == found.labels for found in outcomes], axis=0))

    def _rules(self, table: ExitTable) -> list[ExitRule]:
        """The rule for each budget; the cheapest one where the first stage exceeds it."""
        front = frontier(table, self.resolution)
        return [best_rule(front, self._worth, max(budget, float(front.costs[0]))) for budget in self.budgets]

    def _worth(self, accuracy: FloatArray, cost: FloatArray) -> FloatArray:
        return reward(accuracy, cost, self.static_cost, self.exponent)


def answers_of(
    network_of: Callable[[Plan], MultiExitNet], batches: Batches, confidence: str, cost: Cost | None
) -> AnswersOf:
    """What answers ``batches``, images and labels, with the network of a plan, priced by ``cost``; None: by the
    multiply-adds of the network.
    """

    def answer(plan: Plan) -> ExitTable:
        answered = collect(network_of(plan), batches, confidence)
        return answered if cost is None else answered.priced(cost.of(plan), cost.unit)

    return answer


def evaluator(
    network_of: Callable[[Plan], MultiExitNet], search_batches: Batches, objective: Objective, cost: Cost | None = None
) -> Callable[[Plan], Score]:
    """An evaluator ``Plan -> Score``, given how a plan gets its network, the search split's images and labels, and what
    plans cost; None: the multiply-adds of their networks.
    """
    answer = answers_of(network_of, search_batches, objective.confidence, cost)
    return lambda plan: objective.score(answer(plan))
