"""Temperature scaling (Guo et al., ICML 2017): one number per stage by which its probabilities match its accuracy."""

import numpy as np
from scipy.optimize import brentq

from s2dnas.arrays import FloatArray, IntArray
from s2dnas.exits.confidence import softmax

RANGE = (0.05, 20.0)


def fit_temperatures(logits: FloatArray, labels: IntArray) -> tuple[float, ...]:
    """S temperatures T, within ``RANGE``: softmax(logits / T) (S, N, K) gives labels (N,) the highest likelihood."""
    return tuple(_temperature(stage, labels) for stage in logits)


def _temperature(logits: FloatArray, labels: IntArray) -> float:
    """The likelihood is concave in 1 / T, so that its slope has one root."""
    given = np.take_along_axis(logits, labels[:, None], axis=-1)[:, 0].mean()

    def slope(log_temperature: float) -> float:
        expected = (softmax(logits / np.exp(log_temperature)) * logits).sum(axis=-1).mean()
        return float(expected - given)

    coldest, warmest = np.log(RANGE)
    if slope(coldest) <= 0:
        return RANGE[0]
    if slope(warmest) >= 0:
        return RANGE[1]
    return float(np.exp(brentq(slope, coldest, warmest, xtol=1e-12)))
