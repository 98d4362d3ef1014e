"""Temperature scaling (Guo et al., ICML 2017): one number per stage makes its probabilities as sure as it is right."""

import numpy as np

from s2dnas.exits.confidence import FloatArray, IntArray, softmax
from s2dnas.exits.halving import narrowed

RANGE = (0.05, 20.0)
HALVINGS = 40


def fit_temperatures(logits: FloatArray, labels: IntArray) -> tuple[float, ...]:
    """S temperatures T, within ``RANGE``: softmax(logits / T) (S, N, K) gives labels (N,) the highest likelihood."""
    return tuple(_temperature(stage, labels) for stage in logits)


def _temperature(logits: FloatArray, labels: IntArray) -> float:
    """The likelihood is concave in 1 / T: its slope has one root, which halving an interval finds."""
    given = np.take_along_axis(logits, labels[:, None], axis=-1)[:, 0].mean()

    def warm_enough(log_temperature: float) -> bool:
        expected = (softmax(logits / np.exp(log_temperature)) * logits).sum(axis=-1).mean()
        return not expected > given

    coldest, warmest = np.log(RANGE)
    low, high = narrowed(coldest, warmest, HALVINGS, warm_enough)
    return float(np.exp((low + high) / 2))


def tempered(logits: FloatArray, temperatures: tuple[float, ...]) -> FloatArray:
    """Probabilities (J, N, K) of the logits of the first J stages, at a temperature per stage if there are any."""
    return softmax(logits / np.array(temperatures)[: len(logits), None, None] if temperatures else logits)
