"""Logistic models applied: how likely something is, given what is known."""

import numpy as np

from s2dnas.arrays import FloatArray

SMALLEST = 1e-12
"""Probabilities are kept this far from 0 and 1 before logarithms are taken."""


def logistic_probabilities(weights: tuple[float, ...], inputs: FloatArray) -> FloatArray:
    """Probabilities (N,) for inputs (N, F), by a bias and F weights."""
    bias, *slopes = weights
    return sigmoid(bias + inputs @ np.array(slopes))


def log_odds(shares: FloatArray) -> FloatArray:
    """log(p / (1 - p)), finite for 0 and 1, too."""
    kept = np.clip(shares, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def sigmoid(values: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))
