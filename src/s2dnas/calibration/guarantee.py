"""Thresholds that keep a promise on new samples, with probability 1 - delta over the samples that they are tested on.

Learn then Test (Angelopoulos et al., 2021): one half of the calibration samples gives a frontier; on the other half its
rules are tested from the most accurate to the cheapest, each at level delta, until the first fails. The promise
fails only if the first rule that breaks it passes its test: with probability at most delta, whatever the rules are.
The tests are exact for finitely many samples that are drawn independently, like those that will be answered.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.optimize import bisect

from s2dnas.arrays import IntArray
from s2dnas.calibration.binomial import binomial_cdf, difference_cdf, upper_bound
from s2dnas.calibration.optimise import frontier
from s2dnas.calibration.pareto import Frontier
from s2dnas.errors import BudgetError, SettingsError
from s2dnas.exits.rule import ExitRule, Outcomes, decide
from s2dnas.exits.table import ExitTable

CANDIDATES = 100
"""At most so many thresholds per stage are tried, and so many rules tested."""
NUISANCE = 0.1
"""Share of delta that is spent on a bound of how often the two networks differ."""
CELLS = 5
"""Cells per epsilon into which the range of an unknown probability is divided."""

_NEARLY_0 = 1e-5

Test = Callable[[Outcomes, float], float]


def halves(num_samples: int, generator: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Indices of the samples to choose on and of those to test on."""
    order = generator.permutation(num_samples)
    return np.sort(order[: num_samples // 2]), np.sort(order[num_samples // 2 :])


def certify_accuracy(chosen: ExitTable, tested: ExitTable, epsilon: float, delta: float) -> ExitRule:
    """The cheapest rule found whose accuracy is less than ``epsilon`` below the static network's.

    This holds with probability 1 - ``delta`` at least. ``chosen`` and ``tested`` are the tables of the two halves.
    Raises BudgetError, which says what could be promised, if not even the most accurate rule passes, and SettingsError
    if epsilon or delta is not between 0 and 1.
    """
    static = tested.like_static.labels == tested.labels

    def test(outcomes: Outcomes, limit: float) -> float:
        right = outcomes.predictions == outcomes.labels
        return excess(int((static & ~right).sum()), int((right & ~static).sum()), len(right), limit, NUISANCE * delta)

    return _cheapest(frontier(chosen, CANDIDATES), tested, test, epsilon, delta)


def certify_agreement(chosen: ExitTable, tested: ExitTable, epsilon: float, delta: float) -> ExitRule:
    """The cheapest rule found that answers less than ``epsilon`` of the samples unlike the static network.

    It reads no labels. Otherwise as ``certify_accuracy``.
    """

    def test(outcomes: Outcomes, limit: float) -> float:
        return binomial_cdf(int((outcomes.predictions != outcomes.labels).sum()), outcomes.num_samples, limit)

    return _cheapest(frontier(chosen.like_static, CANDIDATES), tested.like_static, test, epsilon, delta)


@cache
def excess(harms: int, gains: int, samples: int, epsilon: float, nuisance: float) -> float:
    """The p-value of harms being likelier than gains by ``epsilon`` or more; a sample is a harm, a gain or neither.

    The probability that a sample is a harm or a gain is unknown: the largest p-value over all values up to a bound
    counts, plus ``nuisance``, the probability that the bound fails (Berger and Boos, 1994). These values are divided
    into cells; each cell takes the smallest probability of a harm in it and the largest of a gain, so that the p-value
    is never too small.
    """
    either = upper_bound(harms + gains, samples, nuisance)
    if either <= epsilon:
        return nuisance
    edges = np.linspace(epsilon, either, int(np.clip(CELLS * (either - epsilon) / epsilon, CELLS, 10 * CELLS)) + 1)
    tails = difference_cdf(harms - gains, samples, (edges[:-1] + epsilon) / 2, (edges[1:] - epsilon) / 2)
    return min(1.0, nuisance + float(tails.max()))


def _cheapest(front: Frontier, tested: ExitTable, test: Test, epsilon: float, delta: float) -> ExitRule:
    if not (0 < epsilon < 1 and 0 < delta < 1):
        raise SettingsError(f"epsilon and delta must lie between 0 and 1, not {epsilon} and {delta}")
    thinned, passed = front.thin(CANDIDATES), None
    for index in reversed(range(len(thinned))):
        rule = thinned.rule(index)
        if test(decide(tested, rule), epsilon) > delta:
            break
        passed = rule
    if passed is None:
        least = _least(lambda limit: test(decide(tested, thinned.rule(len(thinned) - 1)), limit), delta)
        raise BudgetError(
            f"{tested.num_samples} samples do not show with {1 - delta:.0%} certainty that any thresholds stay within "
            f"{100 * epsilon:g} points, the least that they show is {100 * least:.2f}; raise the limit, hold out more "
            "samples or train the network further"
        )
    return passed


def _least(p_value: Callable[[float], float], delta: float) -> float:
    """The smallest limit, to a thousandth of a point or so, at which the test is passed."""
    low, high = _NEARLY_0, 1 - _NEARLY_0
    if p_value(high) > delta:
        return 1.0
    return float(bisect(lambda limit: p_value(limit) - delta, low, high, xtol=_NEARLY_0)) + _NEARLY_0
