"""Choose an exit rule for a target from a frontier, and measure a frontier on other samples."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.calibration.pareto import Frontier
from s2dnas.errors import BudgetError
from s2dnas.exits.metrics import accuracy, mean_cost
from s2dnas.exits.rule import ExitRule, decide
from s2dnas.exits.table import ExitTable

RuleValue = Callable[[FloatArray, FloatArray], FloatArray]


def for_budget(frontier: Frontier, budget: float) -> ExitRule:
    """The most accurate rule whose mean cost is at most ``budget``, in the unit of the frontier.

    Raises BudgetError, which names the cheapest possible mean cost, if there is none.
    """
    return frontier.rule(_affordable(frontier, budget) - 1)


def for_accuracy(frontier: Frontier, floor: float) -> ExitRule:
    """The cheapest rule whose accuracy, in [0, 1], is at least ``floor``.

    Raises BudgetError, which names the best reachable accuracy, if there is none.
    """
    reachable = float(frontier.accuracy[-1])
    if not floor <= reachable:
        raise BudgetError(
            f"no thresholds reach an accuracy of {floor} on the calibration split, the best is {reachable:.4f} "
            "(accuracies are fractions in [0, 1]); lower the floor or train the network further"
        )
    return frontier.rule(int(np.searchsorted(frontier.accuracy, floor)))


def best_rule(frontier: Frontier, value: RuleValue, max_cost: float | None = None) -> ExitRule:
    """The rule of the highest ``value(accuracy (P,), costs (P,)) -> (P,)``, of those with mean cost <= ``max_cost``.

    Of several with that value, the cheapest. Raises BudgetError if no rule costs so little.
    """
    count = len(frontier) if max_cost is None else _affordable(frontier, max_cost)
    return frontier.rule(int(np.argmax(value(frontier.accuracy[:count], frontier.costs[:count]))))


@dataclass(frozen=True, eq=False)
class RuleCurve:
    """Rules measured on one table: mean cost (P,) and accuracy (P,), in the order of the rules."""

    costs: FloatArray
    accuracy: FloatArray


def rule_curve(frontier: Frontier, table: ExitTable, points: int = 200) -> RuleCurve:
    """At most ``points`` rules of a frontier, evenly spread over cost, measured on another table."""
    thinned = frontier.thin(points)
    outcomes = [decide(table, thinned.rule(index)) for index in range(len(thinned))]
    return RuleCurve(np.array([mean_cost(o) for o in outcomes]), np.array([accuracy(o) for o in outcomes]))


def _affordable(frontier: Frontier, budget: float) -> int:
    """How many rules, from the cheapest, cost at most ``budget``: at least one."""
    cheapest = float(frontier.costs[0])
    limit = budget * (1 + 1e-12)  # a mean of equal costs may round to just above that cost
    if not limit >= cheapest:
        raise BudgetError(
            f"no thresholds bring the mean cost down to {_amount(budget)} {frontier.unit} per sample, the cheapest "
            f"possible is {_amount(cheapest)} (everything leaves at the first stage); raise the budget or give the "
            "first stage less"
        )
    return int(np.searchsorted(frontier.costs, limit, side="right"))


def _amount(cost: float) -> str:
    return f"{cost:,.0f}" if cost >= 1000 else f"{cost:.3g}"
