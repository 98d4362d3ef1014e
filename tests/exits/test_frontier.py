import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2dnas.calibration import frontier
from s2dnas.calibration.optimise import _ascend
from s2dnas.calibration.pareto import Archive
from s2dnas.calibration.sweep import Grid, candidates
from s2dnas.errors import SettingsError
from s2dnas.exits import NEVER, ExitRule, ExitTable, accuracy, decide, mean_cost


def random_table(stages, samples, seed, values=6):
    """Few distinct scores, hence many ties; costs may be equal; scores say little about being right."""
    rng = np.random.default_rng(seed)
    macs = 1 + np.cumsum(rng.integers(0, 4, size=stages)).astype(float)
    scores = rng.integers(values, size=(stages, samples)) / (values - 1)
    predictions, labels = rng.integers(2, size=(stages, samples)), rng.integers(2, size=samples)
    return ExitTable(scores, predictions, labels, macs, "entropy")


@st.composite
def tables(draw, stages):
    samples, values, seed = draw(st.integers(1, 9)), draw(st.integers(2, 9)), draw(st.integers(0, 10_000))
    return random_table(draw(stages), samples, seed, values)


def measure(table, thresholds):
    outcomes = decide(table, ExitRule(table.confidence, tuple(thresholds)))
    return mean_cost(outcomes), accuracy(outcomes)


def brute_force(table):
    """Points (macs, accuracy) that no combination of thresholds beats; a threshold at each score does all there is."""
    options = [[*np.unique(scores), NEVER] for scores in table.scores[:-1]]
    points = {measure(table, thresholds) for thresholds in itertools.product(*options)}
    beaten = {p for p in points for q in points if q != p and q[0] <= p[0] and q[1] >= p[1]}
    return sorted(points - beaten)


def points(front):
    return list(zip(front.costs.tolist(), front.accuracy.tolist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(table=tables(st.integers(1, 3)))
def test_up_to_three_stages_the_frontier_is_all_that_thresholds_can_do(table):
    found, expected = points(frontier(table)), brute_force(table)
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(table=tables(st.integers(1, 5)), resolution=st.sampled_from([None, 2, 3, 5]))
def test_every_point_is_what_its_thresholds_give_and_each_step_buys_accuracy(table, resolution):
    front = frontier(table, resolution)
    assert len(front) >= 1
    assert (np.diff(front.costs) > 0).all()
    assert (np.diff(front.accuracy) > 0).all()
    for index, point in enumerate(points(front)):
        assert measure(table, front.rule(index).thresholds) == pytest.approx(point, rel=1e-12)


def test_the_ends_are_the_cheapest_stage_and_at_least_the_best_stage(trained):
    for stages in (2, 3, 4):
        table = trained(300, stages)
        front = frontier(table)
        assert (front.costs[0], front.accuracy[0]) == (table.costs[0], table.stage_accuracy[0])
        assert front.accuracy[-1] >= table.stage_accuracy.max()
        assert front.costs[-1] <= table.costs[-1]


def at_budgets(front, budgets):
    return front.accuracy[np.searchsorted(front.costs, budgets, side="right") - 1]


@pytest.mark.parametrize("seed", range(5))
def test_coordinate_ascent_comes_close_to_the_exact_frontier(trained, seed):
    table = trained(400, 3, seed)
    grid, exact = Grid.of(table), frontier(table)
    archive = Archive(grid)
    _ascend(grid, archive)
    budgets = np.linspace(exact.costs[0], exact.costs[-1], 100)
    reached, possible = at_budgets(archive.frontier("entropy", "macs"), budgets), at_budgets(exact, budgets)
    assert (reached <= possible).all()
    assert (reached >= 0.99 * possible).all()


@pytest.mark.parametrize("seed", range(5))
def test_coordinate_ascent_finds_the_best_trade_at_any_price(trained, seed):
    table = trained(400, 3, seed)
    grid, exact = Grid.of(table), frontier(table)
    archive = Archive(grid)
    _ascend(grid, archive)
    found = archive.frontier("entropy", "macs")
    for price in np.geomspace(1e-9, 1e-7, 9):
        value, best = (np.max(front.accuracy - price * (front.costs - table.costs[0])) for front in (found, exact))
        assert value >= 0.99 * best


def test_a_fourth_stage_that_costs_and_knows_no_more_changes_little(trained):
    """Beyond three stages there is no exact frontier to compare with, but adding a useless stage must not hurt."""
    three = trained(400, 3)
    last = [np.concatenate([array, array[-1:]]) for array in (three.scores, three.predictions, three.costs)]
    four = ExitTable(last[0], last[1], three.labels, last[2], three.confidence)
    exact, found = frontier(three), frontier(four)
    budgets = np.linspace(exact.costs[0], exact.costs[-1], 100)
    assert (at_budgets(found, budgets) >= 0.99 * at_budgets(exact, budgets)).all()


@given(
    scores=st.lists(st.floats(0, 1, width=16), min_size=1, max_size=20),
    resolution=st.one_of(st.none(), st.integers(2, 25)),
)
def test_thresholds_run_from_all_to_nobody_and_separate_distinct_scores(scores, resolution):
    scores = np.array(scores)
    thresholds = candidates(scores, resolution)
    leaving = (scores[None] >= thresholds[:, None]).sum(axis=1)
    assert (thresholds[0], thresholds[-1]) == (0, NEVER)
    assert (leaving[0], leaving[-1]) == (len(scores), 0)
    assert (np.diff(leaving) < 0).all()
    if resolution is None:
        assert len(thresholds) == len(np.unique(scores)) + 1
        assert not np.isin(thresholds[1:], scores).any()
    else:
        assert len(thresholds) <= resolution


def test_neighbouring_floats_are_told_apart():
    scores = np.array([0.5, np.nextafter(0.5, 1)])
    assert (scores >= candidates(scores, None)[1]).tolist() == [False, True]


def test_a_resolution_loses_little_accuracy(trained):
    table = trained(1000, 3)
    exact, coarse = frontier(table), frontier(table, 60)
    budgets = np.linspace(exact.costs[0], exact.costs[-1], 50)
    assert (at_budgets(coarse, budgets) <= at_budgets(exact, budgets)).all()
    assert (at_budgets(coarse, budgets) >= 0.98 * at_budgets(exact, budgets)).all()
    np.testing.assert_array_equal(frontier(table, 5000).costs, exact.costs)


def test_a_resolution_without_choice_is_refused(trained):
    with pytest.raises(SettingsError, match="at least 2"):
        frontier(trained(10, 2), 1)


@pytest.mark.parametrize("count", [1, 2, 10, 10_000])
def test_a_thinned_frontier_keeps_the_most_accurate_rule_and_its_order(trained, count):
    front = frontier(trained(500, 3))
    thin = front.thin(count)
    assert len(thin) <= min(count, len(front))
    assert thin.rule(len(thin) - 1) == front.rule(len(front) - 1)
    assert count == 1 or thin.rule(0) == front.rule(0)
    assert set(points(thin)) <= set(points(front))
    assert (np.diff(thin.costs) > 0).all()


def test_a_search_pays_for_as_many_sweeps_as_its_resolution(trained, monkeypatch):
    """Each sweep is linear in samples, so a search may calibrate every plan on thousands of them."""
    swept, sweep = [], Grid.sweep
    monkeypatch.setattr(Grid, "sweep", lambda *given: swept.append(given) or sweep(*given))
    frontier(trained(2500, 3), 100)
    assert 50 < len(swept) <= 100
