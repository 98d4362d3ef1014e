"""All thresholds that can matter for one table, and the exact effect of moving one of them.

All thresholds between two adjacent scores give the same decisions, so only the midpoints need be tried.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import FloatArray
from s2dnas.errors import SettingsError
from s2dnas.exits.rule import NEVER
from s2dnas.exits.table import ExitTable

Index = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Line:
    """Right answers (rounded) and costs, each (T,), summed over all samples, for all T thresholds of one stage."""

    correct: Index
    costs: FloatArray


@dataclass(frozen=True, eq=False)
class Grid:
    """The thresholds of a table: for each stage but the last, rising from 0 (all leave) to NEVER.

    A choice (S - 1,) picks one threshold per stage by its index. Sample n leaves at stage j
    if ``levels[j, n] >= choice[j]``. ``correct`` in [0, 1] is (S, N), ``costs`` (S,).
    """

    thresholds: tuple[FloatArray, ...]
    levels: Index
    correct: FloatArray
    costs: FloatArray

    @cached_property
    def sizes(self) -> Index:
        """(S - 1,): how many thresholds each stage has."""
        return np.array([len(thresholds) for thresholds in self.thresholds], dtype=np.intp)

    @cached_property
    def _samples(self) -> Index:
        return np.arange(self.correct.shape[1])

    @staticmethod
    def of(table: ExitTable, resolution: int | None = None, correct: FloatArray | None = None) -> "Grid":
        """All thresholds that decide differently, or at most ``resolution`` per stage, evenly spread over samples.

        ``correct`` (S, N) is how likely stages are right about samples; without it, answers are counted.
        Raises SettingsError if the resolution is below 2 ("all leave" and "never" are always there).
        """
        if resolution is not None and resolution < 2:
            raise SettingsError(f"the resolution of thresholds must be at least 2, got {resolution}")
        thresholds = tuple(candidates(scores, resolution) for scores in table.scores[:-1])
        levels = [np.searchsorted(t, s, side="right") - 1 for t, s in zip(thresholds, table.scores, strict=False)]
        shape = (table.num_stages - 1, table.num_samples)
        right = table.correct.astype(float) if correct is None else correct
        return Grid(thresholds, np.array(levels, dtype=np.intp).reshape(shape), right, table.costs)

    def sweep(self, choice: Index, stage: int) -> Line:
        """Right answers and costs for every threshold of ``stage``, the other stages' thresholds as in ``choice``."""
        onward = self._without(choice, stage)
        right, costs = self.correct[onward, self._samples], self.costs[onward]
        reaching = np.flatnonzero(onward > stage)  # who leaves earlier does so whatever this threshold is
        levels = self.levels[stage][reaching]
        gains = np.bincount(levels, self.correct[stage][reaching] - right[reaching], self.sizes[stage])
        savings = np.bincount(levels, self.costs[stage] - costs[reaching], self.sizes[stage])
        correct = right.sum() + _suffix_sums(gains)  # where answers are counted, whole numbers, exact in float64
        return Line(correct.round().astype(np.intp), costs.sum() + _suffix_sums(savings))

    def _without(self, choice: Index, stage: int) -> Index:
        """(N,): where each sample leaves if none may leave at ``stage``."""
        stages = np.full(self.correct.shape[1], len(self.costs) - 1, dtype=np.intp)
        for other in reversed(range(len(choice))):
            if other != stage:
                stages[self.levels[other] >= choice[other]] = other
        return stages


def candidates(scores: FloatArray, resolution: int | None) -> FloatArray:
    """(T,) rising thresholds for scores (N,): 0, the midpoints between distinct scores, NEVER; or a selection."""
    distinct, counts = np.unique(scores, return_counts=True)
    low, high = distinct[:-1], distinct[1:]
    middle = low + (high - low) / 2
    middle = np.where(middle > low, middle, high)  # neighbouring floats have nothing between them
    thresholds = np.concatenate([[0.0], middle, [NEVER]])
    if resolution is None or resolution >= len(thresholds):
        return thresholds
    staying = np.concatenate([[0], np.cumsum(counts)])  # samples below each threshold
    counts_below = np.linspace(0, len(scores), resolution)
    return thresholds[np.unique(np.searchsorted(staying, counts_below))]


def _suffix_sums(values: npt.NDArray[Any]) -> FloatArray:
    return np.asarray(np.cumsum(values[::-1])[::-1])
