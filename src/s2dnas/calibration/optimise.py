"""Optimise all thresholds of a table jointly.

Up to three stages every combination is tried, so the frontier is exact. Beyond, each threshold in turn is set to its
exact best for ``accuracy - price * cost``, the others fixed, for a range of prices and several starts; every
combination met on the way is a candidate.

The choice is made by enumeration on the samples of the table (the calibration split). The accuracy *there* is
therefore optimistic by sampling noise, whose standard error is about 0.6 points at N = 2500 and 90 %: what a rule is
worth must be measured on samples that it was not chosen on. The test split is never read here.
Answers are counted, or expected from scores (``exits.expected``), which is less noisy.
"""

import numpy as np

from s2dnas.calibration.expected import expected_correct
from s2dnas.calibration.pareto import Archive, Frontier
from s2dnas.calibration.sweep import Grid, Index
from s2dnas.exits.table import ExitTable

EXACT_STAGES = 3
PRICES = np.geomspace(1e-3, 10.0, 24)
"""Accuracy per unit of cost, the unit being the difference in cost between the first and the last exit."""


def frontier(table: ExitTable, resolution: int | None = None, *, expected: bool = False) -> Frontier:
    """The frontier of a calibration table; exact for S <= 3, over at most ``resolution`` thresholds per stage if given.

    ``expected``: its accuracies are those that a regression on the table expects, not those that are counted.
    Below a second for three stages and N = 2500, milliseconds with a resolution of 100.
    Raises SettingsError if the resolution is below 2.
    """
    grid = Grid.of(table, resolution, expected_correct(table) if expected else None)
    archive = Archive(grid)
    if table.num_stages <= EXACT_STAGES:
        _enumerate(grid, archive)
    else:
        _ascend(grid, archive)
    return archive.frontier(table.confidence, table.unit)


def _enumerate(grid: Grid, archive: Archive) -> None:
    """Try every combination of one or two thresholds: the last one is swept for each value of the one before it."""
    count = len(grid.sizes)
    for first in range(grid.sizes[0] if count == 2 else count):
        choice = np.full(count, first, dtype=np.intp)
        archive.offer(choice, count - 1, grid.sweep(choice, count - 1))


def _ascend(grid: Grid, archive: Archive) -> None:
    """Follow the optimum along rising and falling prices, each optimum being the start for the next price."""
    step = float(grid.costs[-1] - grid.costs[0]) or 1.0
    highest, lowest, middle = grid.sizes - 1, grid.sizes * 0, grid.sizes // 2
    for choice, prices in ((highest, PRICES), (lowest, PRICES[::-1]), (middle, PRICES)):
        for price in prices:
            choice = _climb(grid, archive, choice, float(price) / step)


def _climb(grid: Grid, archive: Archive, start: Index, price: float) -> Index:
    """The choice that no change of a single threshold improves; ``price`` is right answers per unit of cost."""
    choice, stage, settled = start.copy(), 0, 0
    while settled < len(choice):
        line = grid.sweep(choice, stage)
        archive.offer(choice, stage, line)
        value = line.correct - price * line.costs
        place, current = int(np.argmax(value)), value[choice[stage]]
        # Only a real gain counts, else rounding could let equal choices alternate for ever.
        gained = value[place] > current + 1e-9 * max(1.0, abs(current))
        settled = 1 if gained else settled + 1  # after a move this stage is at its best
        choice[stage] = place if gained else choice[stage]
        stage = (stage + 1) % len(choice)
    return choice
