"""The frontier: the rules of a table that no other rule beats in both accuracy and mean cost."""

from dataclasses import dataclass

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.calibration.sweep import Grid, Index, Line
from s2dnas.exits.rule import ExitRule
from s2dnas.exits.scoring import AnyScoring


@dataclass(frozen=True, eq=False)
class Frontier:
    """Pareto-optimal rules: mean cost (P,) and accuracy (P,), both strictly rising, and their thresholds (P, S - 1).

    Costs are in ``unit``.
    """

    costs: FloatArray
    accuracy: FloatArray
    thresholds: FloatArray
    confidence: AnyScoring
    unit: str = "macs"

    def __len__(self) -> int:
        return len(self.costs)

    def rule(self, index: int) -> ExitRule:
        """The exit rule of one point."""
        return ExitRule(self.confidence, tuple(self.thresholds[index].tolist()))

    def thin(self, points: int) -> "Frontier":
        """At most ``points`` (>= 1) of the rules, evenly spread over cost; the first and the last stay."""
        if len(self) <= points:
            return self
        spread = np.linspace(self.costs[-1], self.costs[0], points)  # a single point is the most accurate one
        keep = np.unique(np.searchsorted(self.costs, spread))
        return Frontier(self.costs[keep], self.accuracy[keep], self.thresholds[keep], self.confidence, self.unit)


class Archive:
    """For each number of right answers the cheapest choice seen so far: no frontier of N samples has more points.

    It starts with the choice by which all samples leave at the last stage.
    """

    def __init__(self, grid: Grid) -> None:
        stages, samples = grid.levels.shape
        self._thresholds = grid.thresholds
        self._costs = np.full(samples + 1, np.inf)
        self._costs[round(float(grid.correct[-1].sum()))] = grid.costs[-1] * samples
        self._choices = np.empty((samples + 1, stages), dtype=np.intp)
        self._choices[:] = grid.sizes - 1

    def offer(self, choice: Index, stage: int, line: Line) -> None:
        """Keep each threshold of ``stage``, the others as in ``choice``, that is cheaper than what was kept before."""
        better = np.flatnonzero(line.costs < self._costs[line.correct])
        places = better[::-1]  # falling cost: of equally many right answers the cheapest is written last, and stays
        right = line.correct[places]
        self._costs[right] = line.costs[places]
        self._choices[right] = choice
        self._choices[right, stage] = places

    def frontier(self, confidence: AnyScoring, unit: str) -> Frontier:
        """The choices that are cheaper than everything more accurate."""
        beyond = np.append(np.minimum.accumulate(self._costs[:0:-1])[::-1], np.inf)
        keep = np.flatnonzero(self._costs < beyond)
        thresholds = np.empty((len(keep), len(self._thresholds)))
        for stage, values in enumerate(self._thresholds):
            thresholds[:, stage] = values[self._choices[keep, stage]]
        samples = len(self._costs) - 1
        return Frontier(self._costs[keep] / samples, keep / samples, thresholds, confidence, unit)
