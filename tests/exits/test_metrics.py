from dataclasses import replace

import numpy as np
import pytest

from s2dnas.exits import (
    ExitRule,
    ExitTable,
    OperatingPoint,
    Outcomes,
    accuracy,
    decide,
    exit_accuracy,
    exit_share,
    mean_cost,
    operating_point,
)

OUTCOMES = Outcomes(
    predictions=np.array([1, 1, 2, 0]),
    stages=np.array([0, 2, 0, 0]),
    costs=np.array([10.0, 50.0, 10.0, 10.0]),
    labels=np.array([1, 1, 2, 2]),
    num_stages=3,
)


def test_numbers_worked_out_by_hand():
    assert accuracy(OUTCOMES) == 0.75
    assert mean_cost(OUTCOMES) == 20
    assert exit_share(OUTCOMES).tolist() == [0.75, 0, 0.25]
    assert exit_accuracy(OUTCOMES) == (pytest.approx(2 / 3), None, 1.0)


def test_an_operating_point_gathers_the_numbers_of_the_outcomes(trained):
    table, rule = trained(200, 3), ExitRule("max_probability", (0.9, 0.8))
    outcomes = decide(table, rule)
    assert operating_point(table, rule, "by hand") == OperatingPoint(
        target="by hand",
        accuracy=accuracy(outcomes),
        mean_cost=mean_cost(outcomes),
        exit_share=tuple(exit_share(outcomes)),
        exit_accuracy=exit_accuracy(outcomes),
        thresholds=(0.9, 0.8),
    )


def test_shares_and_accuracies_add_up_to_the_whole(trained):
    table = trained(500, 3)
    point = operating_point(table, ExitRule("max_probability", (0.9, 0.8)), "by hand")
    assert min(point.exit_share) > 0
    assert sum(point.exit_share) == pytest.approx(1)
    assert np.dot(point.exit_share, point.exit_accuracy) == pytest.approx(point.accuracy)
    assert np.dot(point.exit_share, table.costs) == pytest.approx(point.mean_cost)


def test_agreement_is_the_share_that_is_answered_as_by_the_static_network() -> None:
    """Two samples leave at the first stage; the static network would have answered one of them otherwise."""
    table = ExitTable(
        scores=[[0.9, 0.9, 0.1, 0.1], [1.0, 1.0, 1.0, 1.0]],
        predictions=[[0, 1, 0, 0], [1, 1, 1, 1]],
        labels=[0, 0, 0, 0],
        costs=[1.0, 2.0],
        confidence="margin",
        static=[1, 1, 1, 1],
    )
    assert operating_point(table, ExitRule("margin", (0.5,)), "agreement").agreement == 0.75
    unknown = replace(table, static=None)
    assert operating_point(unknown, ExitRule("margin", (0.5,)), "accuracy").agreement is None
