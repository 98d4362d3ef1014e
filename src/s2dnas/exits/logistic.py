"""Logistic regression: how likely something is, given what is known."""

import numpy as np

from s2dnas.exits.confidence import BoolArray, FloatArray

SMALLEST = 1e-12
"""Probabilities are kept this far from 0 and 1 before logarithms are taken."""
RIDGE = 1.0
"""Penalty on the squared weights of standardised features, in units of samples."""
NEWTON_STEPS = 30


def regression(inputs: FloatArray, met: BoolArray) -> tuple[float, ...]:
    """Bias and weights by Newton's method, with Platt's targets: finite even if all samples meet the target."""
    centre, spread = inputs.mean(axis=0), inputs.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    design = np.column_stack([np.ones(len(inputs)), (inputs - centre) / spread])
    hits = met.sum()
    wanted = np.where(met, (hits + 1) / (hits + 2), 1 / (len(met) - hits + 2))
    penalty = np.append(0.0, np.full(inputs.shape[1], RIDGE))
    weights = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        chance = _sigmoid(design @ weights)
        slope = design.T @ (chance - wanted) + penalty * weights
        curvature = (design.T * (chance * (1 - chance))) @ design + np.diag(penalty + SMALLEST)
        weights = weights - np.linalg.solve(curvature, slope)
    scaled = weights[1:] / spread
    return (float(weights[0] - scaled @ centre), *map(float, scaled))


def chances(weights: tuple[float, ...], inputs: FloatArray) -> FloatArray:
    """(N,): how likely it is for inputs (N, F), by a bias and F weights of ``regression``."""
    bias, *slopes = weights
    return _sigmoid(bias + inputs @ np.array(slopes))


def log_odds(shares: FloatArray) -> FloatArray:
    """log(p / (1 - p)), finite for 0 and 1, too."""
    kept = np.clip(shares, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def _sigmoid(values: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))
