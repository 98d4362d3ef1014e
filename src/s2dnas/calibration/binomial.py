"""Exact probabilities of counts, and the bound that they give (Clopper and Pearson, 1934)."""

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import stats

from s2dnas.arrays import FloatArray


def binomial_cdf(successes: int, trials: int, probability: float) -> float:
    """The probability of at most ``successes``."""
    return float(stats.binom.cdf(successes, trials, probability))


@cache
def upper_bound(successes: int, trials: int, alpha: float) -> float:
    """An upper confidence bound, at level 1 - alpha, of the probability of success."""
    if successes >= trials:
        return 1.0
    return float(stats.beta.ppf(1 - alpha, successes + 1, trials - successes))


def difference_cdf(most: int, trials: int, up: FloatArray, down: FloatArray) -> FloatArray:
    """The probability (C,) that trials, each 1 with probability ``up`` (C,), -1 with ``down`` (C,), sum to <= ``most``.

    The characteristic function to the power of ``trials``, transformed back: exact up to rounding.
    """
    size = 2 ** (2 * trials + 1).bit_length()
    phase = np.exp(-2j * np.pi / size * np.arange(size // 2 + 1))
    up, down = np.asarray(up)[:, None], np.asarray(down)[:, None]
    probabilities = np.fft.irfft(_power(1 - up - down + up * phase + down * phase.conj(), trials), size)
    return np.asarray(probabilities[:, np.arange(-trials, most + 1)].sum(axis=1).clip(0, 1))


def _power(base: npt.NDArray[np.complex128], exponent: int) -> npt.NDArray[np.complex128]:
    """``base ** exponent`` by repeated squaring, several times as fast as NumPy's."""
    result = np.ones_like(base)
    while exponent:
        result, base, exponent = result * base if exponent % 2 else result, base * base, exponent // 2
    return result
