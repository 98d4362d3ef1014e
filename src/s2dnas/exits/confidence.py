"""How sure a classifier is: one score in [0, 1] per sample, higher = surer, computed from class probabilities."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import FloatArray
from s2dnas.errors import SettingsError, nearest

Confidence = Callable[[FloatArray], FloatArray]


def softmax(logits: npt.ArrayLike) -> FloatArray:
    """Probabilities (..., K) of logits (..., K), in float64 whatever the logits' type; large logits do not overflow."""
    values = np.asarray(logits, dtype=np.float64)
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def max_probability(probabilities: npt.ArrayLike) -> FloatArray:
    """The largest probability of each (..., K) row; scores (...). Raises SettingsError if K < 2."""
    return _unit(_checked(probabilities).max(axis=-1))


def margin(probabilities: npt.ArrayLike) -> FloatArray:
    """Largest minus second largest probability of each (..., K) row; scores (...). Raises SettingsError if K < 2."""
    top = np.partition(_checked(probabilities), -2, axis=-1)
    return _unit(top[..., -1] - top[..., -2])


def entropy(probabilities: npt.ArrayLike) -> FloatArray:
    """1 - H / log K of each (..., K) row, H = -sum p log p; scores (...). Raises SettingsError if K < 2."""
    values = _checked(probabilities)
    logs = np.log(values, where=values > 0, out=np.zeros_like(values))  # p log p -> 0 as p -> 0
    return _unit(1 + (values * logs).sum(axis=-1) / np.log(values.shape[-1]))


CONFIDENCES: dict[str, Confidence] = {"max_probability": max_probability, "margin": margin, "entropy": entropy}
DEFAULT_CONFIDENCE = "margin"
"""On or above max probability at every cost on the networks that were compared; nothing needs to be fitted."""


def confidence(name: str) -> Confidence:
    """The measure of that name. Raises SettingsError if there is none."""
    if name not in CONFIDENCES:
        raise SettingsError(f"unknown confidence measure {name!r}{nearest(name, CONFIDENCES)}")
    return CONFIDENCES[name]


def _checked(probabilities: npt.ArrayLike) -> FloatArray:
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim < 1 or values.shape[-1] < 2:
        raise SettingsError(
            f"confidence needs at least 2 classes on the last axis, got shape {values.shape}; "
            "a single output has no second class to be unsure about: give it as two classes"
        )
    return values


def _unit(scores: npt.ArrayLike) -> FloatArray:
    """Rounding may leave [0, 1] by some 1e-16; thresholds rely on the interval."""
    return np.clip(np.asarray(scores, dtype=np.float64), 0.0, 1.0)
