"""Logistic regression, fitted by Newton's method."""

import numpy as np

from s2dnas.arrays import BoolArray, FloatArray
from s2dnas.exits.logistic import SMALLEST, sigmoid

_RIDGE = 1.0
"""Penalty on the squared weights of standardised features, in units of samples."""
_NEWTON_STEPS = 30


def regression(inputs: FloatArray, met: BoolArray) -> tuple[float, ...]:
    """Bias and F weights that predict whether samples with inputs (N, F) meet a target (N,).

    The target is smoothed as by Platt (1999), so that they stay finite even if all samples meet it.
    """
    centre, spread = inputs.mean(axis=0), inputs.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    design = np.column_stack([np.ones(len(inputs)), (inputs - centre) / spread])
    hits = met.sum()
    targets = np.where(met, (hits + 1) / (hits + 2), 1 / (len(met) - hits + 2))
    penalty = np.append(0.0, np.full(inputs.shape[1], _RIDGE))
    weights = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        predicted = sigmoid(design @ weights)
        slope = design.T @ (predicted - targets) + penalty * weights
        curvature = (design.T * (predicted * (1 - predicted))) @ design + np.diag(penalty + SMALLEST)
        weights = weights - np.linalg.solve(curvature, slope)
    scaled = weights[1:] / spread
    return (float(weights[0] - scaled @ centre), *map(float, scaled))
