"""Thresholds for scores that have moved a little, so that as many samples leave at each stage as before."""

from collections.abc import Sequence

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.calibration.sweep import candidates


def moved_thresholds(thresholds: Sequence[float], before: FloatArray, after: FloatArray) -> tuple[float, ...]:
    """S - 1 thresholds by which scores ``after`` (S, N) let as many samples go as ``thresholds`` did ``before``.

    The samples are the same, so the mean cost stays; equal scores may shift it by the samples that share one. A
    threshold that lets the right number go already is kept.
    """
    going_before, going_after = np.full(before.shape[1], True), np.full(after.shape[1], True)
    moved: list[float] = []
    for stage, threshold in enumerate(thresholds):
        going_before &= ~(before[stage] >= threshold)
        left = int(going_after.sum() - going_before.sum())
        moved.append(_letting_go(after[stage][going_after], left, threshold))
        going_after &= ~(after[stage] >= moved[-1])
    return tuple(moved)


def _letting_go(scores: FloatArray, count: int, known: float) -> float:
    """The threshold that about ``count`` of the scores reach; of equally good ones, the one that more reach."""
    if int((scores >= known).sum()) == count:
        return known
    thresholds = candidates(scores, None)
    reached = len(scores) - np.searchsorted(np.sort(scores), thresholds)
    return float(thresholds[np.argmin(np.abs(reached - count))])
