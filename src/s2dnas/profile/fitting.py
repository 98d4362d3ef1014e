"""Fit what stages take beside their layers to plans that were timed as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from s2dnas.arrays import FloatArray
from s2dnas.errors import DataError
from s2dnas.profile.table import Surcharges, surcharge_causes
from s2dnas.profile.work import StageWork

CACHES = (0.0, *(2.0 ** (power / 2) for power in range(-2, 13)))
"""Sizes that a cache is tried with, in millions of weights."""


@dataclass(frozen=True)
class TimedPlan:
    """A plan whose ``stages`` were run in turn: the milliseconds (S,) of their layers, each timed ``alone``, and those
    that they took as a whole.
    """

    stages: tuple[StageWork, ...]
    alone: tuple[float, ...]
    milliseconds: tuple[float, ...]


def fit_surcharges(batch: int, plans: Sequence[TimedPlan]) -> Surcharges:
    """Surcharges by least squares of the relative errors of stages, none of them negative.

    Raises DataError without plans.
    """
    if not plans:
        raise DataError("surcharges are fitted to plans that were timed as a whole; time at least one")
    fits = [_fit(batch, cache, plans) for cache in CACHES]
    _, prices, cache = min(fits, key=lambda fit: fit[0])
    names = ("layers", "joined", "reordered", "touched", "call", "stage", "fetched")
    found = dict(zip(names, prices.tolist(), strict=True))
    return Surcharges(batch=batch, cache=cache, **{**found, "layers": max(found["layers"], 1e-6)})


def _fit(batch: int, cache: float, plans: Sequence[TimedPlan]) -> tuple[float, FloatArray, float]:
    causes = np.concatenate([surcharge_causes(batch, cache, plan.stages, plan.alone) for plan in plans])
    measured = np.concatenate([plan.milliseconds for plan in plans])
    scale = np.maximum(causes.max(axis=0), 1e-12)
    found, error = nnls(causes / scale / measured[:, None], np.ones(len(measured)))
    return float(error), found / scale, cache
