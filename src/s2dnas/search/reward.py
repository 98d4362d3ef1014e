"""The reward of a plan: accuracy against cost, in one number."""

import numpy as np
import numpy.typing as npt

from s2dnas.errors import SettingsError


def reward(
    accuracy: npt.ArrayLike, cost: npt.ArrayLike, static_cost: npt.ArrayLike, exponent: float
) -> npt.NDArray[np.float64]:
    """ACC x (COST / COST of the static network)^w, elementwise: higher is better.

    ``accuracy`` is in [0, 1]; ``cost`` is the mean per sample, ``static_cost`` that of the static network, in any
    unit; ``exponent`` is w <= 0, where 0 ignores the cost. The form is that of S2DNAS (ECCV 2020); MnasNet
    (CVPR 2019) uses w = -0.07, which makes half the cost worth 5 % of the accuracy.

    Raises SettingsError for a positive or non-finite exponent, a cost that is not positive and finite, or an
    accuracy outside [0, 1].
    """
    if not (np.isfinite(exponent) and exponent <= 0):
        raise SettingsError(f"the exponent of the cost must be finite and at most 0, not {exponent}; take e.g. -0.07")
    share = np.asarray(accuracy, dtype=np.float64)
    if not ((share >= 0) & (share <= 1)).all():
        raise SettingsError(f"an accuracy must be in [0, 1], not {share}; give a share of the samples")
    relative = _positive("cost", cost) / _positive("static_cost", static_cost)
    return np.asarray(share * relative**exponent, dtype=np.float64)


def _positive(name: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(array) & (array > 0)).all():
        raise SettingsError(f"{name} must be positive and finite, not {array}; give what a sample costs")
    return array
