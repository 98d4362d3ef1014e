"""Rules are tested one by one, the most accurate first, and the last before the first that fails is the one."""

import numpy as np
import pytest

from s2dnas.calibration import Frontier, certify_accuracy, certify_agreement, frontier, halves
from s2dnas.calibration.binomial import binomial_cdf
from s2dnas.calibration.guarantee import excess
from s2dnas.errors import BudgetError
from s2dnas.exits import ExitRule, ExitTable, decide

DELTA = 0.1


@pytest.fixture(scope="module")
def tables() -> tuple[ExitTable, ExitTable]:
    """Two halves; the static network answers much like the last stage, and a little better than any rule."""
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=800)
    logits = 1.5 * rng.normal(size=(3, 800, 4))
    for stage in range(3):
        logits[stage, np.arange(800), labels] += (1.5 + stage) * rng.gamma(1.5, size=800)
    static = logits[2] + 0.3 * rng.normal(size=(800, 4))
    static[np.arange(800), labels] += 0.5
    table = ExitTable.from_logits(logits, labels, [10.0, 20.0, 40.0], static=static.argmax(axis=-1))
    chosen, tested = halves(800, rng)
    return table.take(chosen), table.take(tested)


def p_value(promise: str, tested: ExitTable, rule: ExitRule, epsilon: float) -> float:
    answers = decide(tested, rule).predictions
    if promise == "agreement":
        return binomial_cdf(int((answers != tested.static).sum()), len(answers), epsilon)
    right, before = answers == tested.labels, tested.static == tested.labels
    harms, gains = int((before & ~right).sum()), int((right & ~before).sum())
    return excess(harms, gains, len(answers), epsilon, 0.1 * DELTA)


def candidates(promise: str, chosen: ExitTable) -> Frontier:
    return frontier(chosen if promise == "accuracy" else chosen.like_static, 100).thin(100)


PROMISES = {"accuracy": certify_accuracy, "agreement": certify_agreement}


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("epsilon", [0.08, 0.1, 0.15, 0.3])
def test_the_rule_is_the_last_before_the_first_that_fails(promise: str, epsilon: float, tables) -> None:
    front = candidates(promise, tables[0])
    rules = [front.rule(index) for index in reversed(range(len(front)))]
    assert 1 < len(rules) <= 100
    failing = [p_value(promise, tables[1], rule, epsilon) > DELTA for rule in rules]
    first = failing.index(True) if True in failing else len(rules)
    assert first > 0
    assert PROMISES[promise](*tables, epsilon, DELTA) == rules[first - 1]


@pytest.mark.parametrize("promise", PROMISES)
def test_the_least_that_can_be_shown_is_where_the_most_accurate_rule_passes(promise: str, tables) -> None:
    front = candidates(promise, tables[0])
    best = front.rule(len(front) - 1)
    with pytest.raises(BudgetError) as error:
        PROMISES[promise](*tables, 0.001, DELTA)
    least = float(str(error.value).split("show is ")[1].split(";")[0]) / 100
    assert 0.001 < least < 0.2
    assert p_value(promise, tables[1], best, least + 1e-4) <= DELTA < p_value(promise, tables[1], best, least - 1e-4)
    assert "400 samples do not show with 90% certainty" in str(error.value)
    assert "within 0.1 points" in str(error.value)


def test_where_nothing_can_be_shown_the_least_is_everything(tables) -> None:
    """Of one sample, which the network answers unlike the static one, nothing can be said."""
    one = tables[1].take([0])
    table = ExitTable(one.scores, (one.predictions * 0) + 1, [1], one.costs, one.confidence, static=[0])
    with pytest.raises(BudgetError, match=r"the least that they show is 100\.00"):
        certify_agreement(table, table, 0.5, 1e-6)


def test_halves_are_drawn_and_not_the_first_and_the_last() -> None:
    chosen, tested = halves(200, np.random.default_rng(0))
    assert (len(chosen), len(tested)) == (100, 100)
    assert (np.diff(chosen) > 0).all()
    assert (np.diff(tested) > 0).all()
    assert 20 < (chosen < 100).sum() < 80
