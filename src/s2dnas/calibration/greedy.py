"""Thresholds set stage by stage on a grid, as is often done: the baseline for optimising them jointly."""

from collections.abc import Sequence

import numpy as np

from s2dnas.errors import SettingsError
from s2dnas.exits.rule import NEVER, ExitRule
from s2dnas.exits.table import ExitTable

THRESHOLDS = (*np.linspace(0, 1, 101).tolist(), NEVER)
LOSSES = tuple(np.geomspace(1e-3, 0.5, 41).tolist())


def greedy_rule(table: ExitTable, loss: float, grid: Sequence[float] = THRESHOLDS) -> ExitRule:
    """The lowest thresholds that cost at most ``loss`` of the last stage's accuracy, an equal part for each stage.

    A stage's threshold is set with those of earlier stages fixed, as if all samples that stay left at the last stage.
    Raises SettingsError if the loss is negative.
    """
    if not loss >= 0:
        raise SettingsError(f"the loss must not be negative, it is {loss}")
    right, staying = table.correct[-1], np.ones(table.num_samples, dtype=np.bool_)
    allowed = loss * table.num_samples * np.linspace(0, 1, table.num_stages)[1:]
    thresholds = []
    for scores, correct, limit in zip(table.scores[:-1], table.correct[:-1], allowed, strict=True):
        leaving = staying & (scores >= np.array(grid)[:, None])  # (grid, N)
        losses = table.correct[-1].sum() - np.where(leaving, correct, right).sum(axis=1)
        place = int(np.argmax(np.append(losses[:-1] <= limit, True)))
        thresholds.append(grid[place])
        right, staying = np.where(leaving[place], correct, right), staying & ~leaving[place]
    return ExitRule(table.confidence, tuple(thresholds))


def greedy_family(table: ExitTable, losses: Sequence[float] = LOSSES) -> list[ExitRule]:
    """One rule per loss, from expensive to cheap if the losses rise."""
    return [greedy_rule(table, loss) for loss in losses]
