"""What enumerating and climbing find: everything up to three stages, beyond them what no single change improves."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.calibration import frontier
from s2dnas.calibration.optimise import _climb
from s2dnas.calibration.pareto import Archive
from s2dnas.calibration.sweep import Grid
from s2dnas.exits import NEVER, ExitTable


def grid_of(seed: int, stages: int) -> Grid:
    rng = np.random.default_rng(seed)
    scores, predictions = rng.integers(9, size=(stages, 30)) / 8, rng.integers(3, size=(stages, 30))
    macs = np.cumsum(rng.integers(1, 9, size=stages)).astype(float)
    return Grid.of(ExitTable(scores, predictions, rng.integers(3, size=30), macs, "margin"))


def worth(grid: Grid, choice: np.ndarray, price: float) -> float:
    """Right answers minus price times cost, each sample leaving where its score reaches the chosen threshold."""
    stages = [
        next((j for j in range(len(choice)) if grid.levels[j, n] >= choice[j]), len(choice))
        for n in range(grid.correct.shape[1])
    ]
    return float(sum(grid.correct[stage, n] - price * grid.costs[stage] for n, stage in enumerate(stages)))


@given(seed=st.integers(0, 9999), stages=st.integers(2, 5), price=st.floats(0.001, 1))
def test_climbing_ends_where_no_other_threshold_of_any_stage_is_worth_more(
    seed: int, stages: int, price: float
) -> None:
    grid = grid_of(seed, stages)
    start = np.random.default_rng(seed).integers(grid.sizes)
    reached = _climb(grid, Archive(grid), start, price)
    value = worth(grid, reached, price)
    assert value >= worth(grid, start, price) - 1e-6
    for stage, size in enumerate(grid.sizes):
        for place in range(size):
            other = reached.copy()
            other[stage] = place
            assert worth(grid, other, price) <= value + 1e-6


def test_each_stage_has_its_own_thresholds_to_try() -> None:
    """The first stage has four, the second two. All should go on to the second stage, where all are right."""
    table = ExitTable(
        scores=[[0.2, 0.5, 0.8], [0.5, 0.5, 0.5], [1.0, 1.0, 1.0]],
        predictions=[[0, 0, 0], [1, 1, 1], [0, 0, 0]],
        labels=[1, 1, 1],
        costs=[1.0, 2.0, 4.0],
        confidence="margin",
    )
    front = frontier(table)
    assert front.costs.tolist() == [1.0, 4 / 3, 5 / 3, 2.0]
    assert front.accuracy.tolist() == [0.0, 1 / 3, 2 / 3, 1.0]
    assert front.thresholds[-1].tolist() == [NEVER, 0.0]
