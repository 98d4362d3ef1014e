"""Temperature scaling (Guo et al., ICML 2017): one number per stage makes its probabilities as sure as it is right."""

import numpy as np

from s2dnas.exits.confidence import FloatArray, IntArray, softmax

RANGE = (0.05, 20.0)
HALVINGS = 40


def fit_temperatures(logits: FloatArray, labels: IntArray) -> tuple[float, ...]:
    """S temperatures T, within ``RANGE``: softmax(logits / T) (S, N, K) gives labels (N,) the highest likelihood."""
    return tuple(_temperature(stage, labels) for stage in logits)


def _temperature(logits: FloatArray, labels: IntArray) -> float:
    """The likelihood is concave in 1 / T: its slope has one root, which halving an interval finds."""
    given = np.take_along_axis(logits, labels[:, None], axis=-1)[:, 0].mean()
    low, high = np.log(RANGE)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        expected = (softmax(logits / np.exp(middle)) * logits).sum(axis=-1).mean()
        low, high = (middle, high) if expected > given else (low, middle)  # too sure: warmer
    return float(np.exp((low + high) / 2))
