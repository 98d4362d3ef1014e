"""Greedy thresholds are what trying each stage's thresholds one after the other gives."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.calibration import greedy_family, greedy_rule
from s2dnas.calibration.greedy import LOSSES, THRESHOLDS
from s2dnas.exits import NEVER, ExitRule, ExitTable, accuracy, decide


def table_of(seed: int, stages: int, samples: int) -> ExitTable:
    """Later stages are right more often, and surer stages, too."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(6, size=(stages, samples)) / 5
    right = rng.random((stages, samples)) < 0.3 + 0.3 * scores + 0.4 * np.arange(stages)[:, None] / stages
    return ExitTable(scores, right.astype(int), np.ones(samples, dtype=int), 1.0 + np.arange(stages), "margin")


def tried(table: ExitTable, loss: float, grid: Sequence[float]) -> tuple[float, ...]:
    """For each stage in turn the lowest threshold of the grid after which no more than its part has been lost."""
    chosen: list[float] = []
    for stage in range(1, table.num_stages):
        others = [NEVER] * (table.num_stages - 1 - stage)
        for threshold in grid:
            rule = ExitRule(table.confidence, (*chosen, threshold, *others))
            lost = table.stage_accuracy[-1] - accuracy(decide(table, rule))
            if threshold == grid[-1] or lost <= loss * stage / (table.num_stages - 1) + 1e-12:
                chosen.append(threshold)
                break
    return tuple(chosen)


@given(seed=st.integers(0, 9999), stages=st.integers(1, 4), samples=st.integers(1, 40), loss=st.integers(0, 20))
def test_thresholds_are_found_by_trying_them(seed: int, stages: int, samples: int, loss: int) -> None:
    table, grid = table_of(seed, stages, samples), (0.0, 0.3, 0.5, 0.7, 0.9, NEVER)
    assert greedy_rule(table, loss / 50, grid) == ExitRule("margin", tried(table, loss / 50, grid))


def test_a_grid_has_a_hundred_steps_and_ends_where_nobody_leaves() -> None:
    table = table_of(0, 3, 40)
    assert (*(pytest.approx(step / 100) for step in range(101)), NEVER) == THRESHOLDS
    assert greedy_rule(table, 0.02) == greedy_rule(table, 0.02, THRESHOLDS)


def test_where_every_threshold_loses_too_much_nobody_leaves() -> None:
    table = ExitTable([[1.0, 1.0], [1.0, 1.0]], [[0, 0], [1, 1]], [1, 1], [1.0, 2.0], "margin")
    assert greedy_rule(table, 0.4).thresholds == (NEVER,)
    assert greedy_rule(table, 0.0).thresholds == (NEVER,)
    assert greedy_rule(table, 1.0).thresholds == (0.0,)


def test_a_family_has_a_rule_per_loss() -> None:
    table = table_of(1, 3, 40)
    assert greedy_family(table, [0.0, 0.1]) == [greedy_rule(table, 0.0), greedy_rule(table, 0.1)]
    assert greedy_family(table) == [greedy_rule(table, loss) for loss in LOSSES]
