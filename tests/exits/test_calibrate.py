import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.calibration import Frontier, best_rule, for_accuracy, for_budget, frontier, rule_curve
from s2dnas.errors import BudgetError
from s2dnas.exits import ExitTable, accuracy, decide, mean_cost, operating_point


@pytest.fixture(scope="module", params=[1, 2, 3, 4])
def table(request, trained):
    return trained(300, request.param)


@pytest.fixture(scope="module")
def front(table):
    return frontier(table)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.777, 1.0, 5.0])
def test_a_budget_is_kept_and_used_as_well_as_possible(table, front, share):
    budget = table.costs[0] + share * (table.costs[-1] - table.costs[0])
    outcomes = decide(table, for_budget(front, budget))
    assert mean_cost(outcomes) <= budget
    assert accuracy(outcomes) == front.accuracy[front.costs <= budget].max()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.777, 1.0])
def test_an_accuracy_is_reached_as_cheaply_as_possible(table, front, share):
    floor = share * front.accuracy[-1]
    outcomes = decide(table, for_accuracy(front, floor))
    assert accuracy(outcomes) >= floor
    assert mean_cost(outcomes) == pytest.approx(front.costs[front.accuracy >= floor].min())


@pytest.mark.parametrize("budget", [9_999_999, 0, -1, float("nan")])
def test_a_budget_below_the_first_stage_is_refused_with_the_cheapest_cost(front, budget):
    for choose in (for_budget, lambda f, b: best_rule(f, lambda right, macs: right - macs, max_cost=b)):
        with pytest.raises(BudgetError, match=f"{front.costs[0]:,.0f}"):
            choose(front, budget)


@pytest.mark.parametrize("floor", [0.9999999, 93.0, float("nan")])
def test_an_accuracy_out_of_reach_is_refused_with_the_best_one(front, floor):
    with pytest.raises(BudgetError, match=f"the best is {front.accuracy[-1]:.4f}"):
        for_accuracy(front, floor)


@given(macs=st.floats(1e-3, 1e9), samples=st.integers(1, 50))
def test_the_cost_of_the_first_stage_is_budget_enough_however_it_rounds(macs, samples):
    table = ExitTable(
        np.ones((2, samples)), np.zeros((2, samples)), np.zeros(samples), np.array([macs, 2 * macs]), "margin"
    )
    assert mean_cost(decide(table, for_budget(frontier(table), macs))) == pytest.approx(macs)


def test_best_maximises_any_value_within_the_limit(table, front):
    def reward(right, macs):
        return right * (macs / table.costs[-1]) ** -0.07

    for limit in (None, (front.costs[0] + front.costs[-1]) / 2):
        affordable = front.costs <= (limit or np.inf)
        point = operating_point(table, best_rule(front, reward, limit), "reward")
        expected = reward(front.accuracy, front.costs)[affordable].max()
        assert reward(point.accuracy, point.mean_cost) == pytest.approx(expected)


def test_best_takes_the_cheapest_of_equals(front):
    assert best_rule(front, lambda right, macs: 0 * right) == front.rule(0)  # noqa: ARG005


def test_rules_carry_the_measure_of_the_table(front, table):
    assert for_budget(front, 1e9).confidence == table.confidence
    assert for_accuracy(front, 0).num_stages == table.num_stages


def test_on_its_own_table_the_curve_is_the_frontier(front, table):
    measured = rule_curve(front, table, points=20)
    assert len(measured.costs) <= 20
    np.testing.assert_allclose(measured.costs, front.thin(20).costs)
    np.testing.assert_array_equal(measured.accuracy, front.thin(20).accuracy)


def test_on_other_samples_the_curve_is_what_the_rules_give_there(front, trained, table):
    other = trained(200, table.num_stages, seed=1)
    measured, rules = rule_curve(front, other, points=1000), range(len(front))
    points = [operating_point(other, front.rule(index), "curve") for index in rules]
    np.testing.assert_array_equal(measured.costs, [point.mean_cost for point in points])
    np.testing.assert_array_equal(measured.accuracy, [point.accuracy for point in points])


def test_a_frontier_of_one_rule_serves_any_target_that_it_meets():
    front = Frontier(np.array([10.0]), np.array([0.5]), np.array([[0.25]]), "margin")
    assert for_budget(front, 10) == for_accuracy(front, 0.5) == front.rule(0)
