"""Scores plans by the shared network: dynamic inference on the search split, with thresholds chosen there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from s2dnas.evaluation.collect import collect
from s2dnas.evaluation.norms import estimate_norms
from s2dnas.exits import ExitTable, best, frontier, operating_point
from s2dnas.exits.confidence import FloatArray
from s2dnas.network.shared import SharedNet
from s2dnas.search.journal import Score
from s2dnas.search.reward import reward
from s2dnas.space.plan import Plan


@dataclass(frozen=True)
class Objective:
    """What a plan is rewarded for: ACC x (COST / static)^exponent, among thresholds whose mean cost is <= ``budget``.

    ``static_macs`` and ``budget`` in macs per sample. A plan whose first stage exceeds the budget is scored by its
    cheapest thresholds, times budget / cost: the lower, the further it is off.
    ``resolution`` is the number of quantiles that each threshold is chosen from.
    """

    static_macs: float
    budget: float
    exponent: float = -0.07
    confidence: str = "max_probability"
    resolution: int = 100

    def score(self, table: ExitTable) -> Score:
        """The score of what a plan answered, by the thresholds that are worth most."""
        front = frontier(table, self.resolution)
        rule = best(front, self._worth, max(self.budget, float(front.macs[0])))
        point = operating_point(table, rule, "reward")
        worth = float(self._worth(np.array(point.accuracy), np.array(point.mean_macs)))
        return Score(point.accuracy, point.mean_macs, worth * min(1.0, self.budget / point.mean_macs))

    def _worth(self, accuracy: FloatArray, macs: FloatArray) -> FloatArray:
        return reward(accuracy, macs, self.static_macs, self.exponent)


def shared_evaluator(
    shared: SharedNet,
    norm_batches: Sequence[Tensor],
    search_batches: Sequence[tuple[Tensor, Tensor]],
    objective: Objective,
) -> Callable[[Plan], Score]:
    """An evaluator ``Plan -> Score``: weights of the shared network, running statistics re-estimated per plan.

    ``norm_batches`` are training images, ``search_batches`` images and labels of the search split.
    """

    def evaluate(plan: Plan) -> Score:
        net = shared.at(plan)
        estimate_norms(net, norm_batches)
        return objective.score(collect(net, search_batches, objective.confidence))

    return evaluate
