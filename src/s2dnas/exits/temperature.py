"""Probabilities at a temperature per stage."""

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.exits.confidence import softmax


def tempered(logits: FloatArray, temperatures: tuple[float, ...]) -> FloatArray:
    """Probabilities (J, N, K) of the logits of the first J stages, at a temperature per stage if there are any."""
    return softmax(logits / np.array(temperatures)[: len(logits), None, None] if temperatures else logits)
