"""Fit a predictor of whether to leave: a logistic regression per stage on its confidences, for one of two targets."""

from collections.abc import Callable

import numpy as np

from s2dnas.arrays import BoolArray, FloatArray, IntArray
from s2dnas.calibration.regression import regression
from s2dnas.exits.predictor import Predictor, features

Target = Callable[[BoolArray], BoolArray]


def correctness(right: BoolArray) -> BoolArray:
    """(S, N): whether the stage is right."""
    return right


def sufficiency(right: BoolArray) -> BoolArray:
    """(S, N): whether the stage is right, or no later one is, so that going on gains nothing."""
    later = np.logical_or.accumulate(right[::-1], axis=0)[::-1]  # this stage or a later one
    return right | ~later


TARGETS: dict[str, Target] = {"correctness": correctness, "sufficiency": sufficiency}


def fit_predictor(probabilities: FloatArray, labels: IntArray, target: str) -> Predictor:
    """A predictor of which samples meet a target of ``TARGETS``, from probabilities (S, N, K) and labels (N,)."""
    met = TARGETS[target](probabilities.argmax(axis=-1) == labels)
    stages = range(len(probabilities))
    return Predictor(tuple(regression(features(probabilities[: stage + 1]), met[stage]) for stage in stages))
