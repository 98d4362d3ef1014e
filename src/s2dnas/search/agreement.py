"""How well numbers rank plans: Kendall's rank correlation, and what chance leaves open about it."""

from dataclasses import dataclass

import numpy as np

from s2dnas.arrays import FloatArray

_DRAWS = 2000


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b in [-1, 1], and the interval that holds 95 % of its bootstrap draws over plans."""

    tau: float
    low: float
    high: float


def agreement(values: FloatArray, truth: FloatArray, seed: int = 0) -> Agreement:
    """How alike two lists of numbers (N,) rank the same N plans; 0 where either has no order."""
    order, true = _signs(values), _signs(truth)
    picked = np.random.default_rng(seed).integers(len(values), size=(_DRAWS, len(values)))
    pairs = picked[:, :, None], picked[:, None, :]
    low, high = np.quantile(_tau(order[pairs], true[pairs]), [0.025, 0.975])
    return Agreement(float(_tau(order, true)), float(low), float(high))


def _signs(values: FloatArray) -> FloatArray:
    """(N, N): which of two plans is ahead, 1, 0 or -1."""
    return np.asarray(np.sign(values[:, None] - values[None, :]))


def _tau(order: FloatArray, true: FloatArray) -> FloatArray:
    """Tau-b of signs (.., N, N): what agrees of the pairs, relative to those that are not tied."""
    untied = np.sqrt((order**2).sum((-2, -1)) * (true**2).sum((-2, -1)))
    return np.asarray((order * true).sum((-2, -1)) / np.maximum(untied, 1))
