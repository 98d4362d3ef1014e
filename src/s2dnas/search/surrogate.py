"""Predicts what plans are worth after a training from a few that were trained."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.extras import require_extra


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A Gaussian process over features of plans: a linear trend, smooth deviations from it, and noise."""

    model: Any

    def __call__(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Predicted values (N,) and their standard errors (N,), for features (N, F)."""
        mean, error = self.model.predict(np.atleast_2d(features), return_std=True)
        return np.asarray(mean), np.asarray(error)


def fitted(features: FloatArray, values: Sequence[float]) -> Surrogate:
    """The surrogate of plans with features (N, F) and known values (N,)."""
    require_extra("data", "sklearn")
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    width = np.sqrt(features.shape[1])
    smooth = ConstantKernel(0.3, (1e-3, 1e1)) * RBF(width, (0.5 * width, 10 * width))
    kernel = ConstantKernel(0.3, (1e-3, 1e1)) * DotProduct(1.0, "fixed") + smooth + WhiteKernel(0.1, (1e-3, 1.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        # The bounds are a prior, which a few plans may well lean on.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return Surrogate(make_pipeline(StandardScaler(), process).fit(features, np.asarray(values)))


def far_apart(features: FloatArray, count: int) -> list[int]:
    """``count`` of N candidates with features (N, F), far from one another: each next is the farthest from those taken.

    The first is the nearest to the middle.
    """
    scaled = (features - features.mean(0)) / np.maximum(features.std(0), 1e-12)
    taken = [int(np.argmin(np.square(scaled).sum(1)))]
    while len(taken) < min(count, len(scaled)):
        distances = np.square(scaled[:, None] - scaled[taken]).sum(-1).min(1)
        taken.append(int(np.argmax(distances)))
    return taken
