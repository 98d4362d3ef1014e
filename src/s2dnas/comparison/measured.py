"""The result of a method, in the same terms for all.

Accuracies in [0, 1] on the test split, macs per sample.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from pydantic import Field

from s2dnas.calibration import for_budget, frontier, rule_curve
from s2dnas.errors import BudgetError
from s2dnas.exits import ExitRule, ExitTable, Outcomes, accuracy, decide, mean_cost
from s2dnas.records import Record


class Point(Record):
    """One setting of a method."""

    mean_macs: float
    accuracy: float


class AtBudget(Record):
    """The most accurate setting, by the calibration split, whose mean cost there is within a share of static macs."""

    budget: float
    mean_macs: float
    accuracy: float


class MethodResult(Record):
    """A method's curve, its accuracies at budgets, and what it took: parameters, epochs and seconds of its training,
    and seconds of the search before that.

    ``accounts``: the method's own numbers, by name.
    """

    points: tuple[Point, ...]
    at_budgets: tuple[AtBudget, ...]
    params: int
    epochs: int
    seconds: float
    search_seconds: float = 0.0
    accounts: dict[str, float] = Field(default_factory=dict)


CurveAndBudgets = tuple[tuple[Point, ...], tuple[AtBudget, ...]]


def by_thresholds(
    calibrate: ExitTable, test: ExitTable, static_macs: float, budgets: Sequence[float], *, expected: bool
) -> CurveAndBudgets:
    """What thresholds that were set on the calibration split give on the test split, without budgets out of reach.

    ``expected``: they are compared by expected answers, instead of counted ones.
    """
    front = frontier(calibrate, expected=expected)
    curve = rule_curve(front, test)
    points = tuple(Point(mean_macs=m, accuracy=a) for m, a in zip(curve.costs, curve.accuracy, strict=True))
    at_budgets = []
    for budget in budgets:
        try:
            at_budgets.append(_at(budget, decide(test, for_budget(front, budget * static_macs))))
        except BudgetError:
            continue
    return points, tuple(at_budgets)


def by_rules(
    rules: Iterable[ExitRule], calibrate: ExitTable, test: ExitTable, static_macs: float, budgets: Sequence[float]
) -> CurveAndBudgets:
    """The same for a family of rules that a method brings along."""
    pairs = [(decide(calibrate, rule), decide(test, rule)) for rule in rules]
    points = tuple(sorted((_point(unseen) for _, unseen in pairs), key=lambda point: point.mean_macs))
    at_budgets = []
    for budget in budgets:
        affordable = [pair for pair in pairs if mean_cost(pair[0]) <= budget * static_macs]
        if affordable:
            at_budgets.append(_at(budget, max(affordable, key=lambda pair: accuracy(pair[0]))[1]))
    return points, tuple(at_budgets)


def by_outcomes(outcomes: Outcomes, static_macs: float, budgets: Sequence[float]) -> CurveAndBudgets:
    """A method with one setting: one point, which counts at every budget that it keeps."""
    point = _point(outcomes)
    kept = [budget for budget in budgets if point.mean_macs <= budget * static_macs]
    return (point,), tuple(_at(budget, outcomes) for budget in kept)


def _point(outcomes: Outcomes) -> Point:
    return Point(mean_macs=mean_cost(outcomes), accuracy=accuracy(outcomes))


def _at(budget: float, outcomes: Outcomes) -> AtBudget:
    return AtBudget(budget=budget, mean_macs=mean_cost(outcomes), accuracy=accuracy(outcomes))


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation over seeds (0 for one seed)."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
