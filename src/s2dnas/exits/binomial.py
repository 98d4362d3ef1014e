"""Exact probabilities of counts, and the bound that they give (Clopper and Pearson, 1934)."""

from functools import cache

import numpy as np
import numpy.typing as npt

from s2dnas.exits.confidence import FloatArray
from s2dnas.exits.halving import narrowed

HALVINGS = 40


def cdf(successes: int, trials: int, chance: float) -> float:
    """How likely are at most so many successes?"""
    if successes >= trials or chance <= 0:
        return 1.0
    if chance >= 1:
        return 0.0
    counts = np.arange(1, successes + 1)
    ways = np.concatenate([[0.0], np.cumsum(np.log(trials - counts + 1) - np.log(counts))])
    counts = np.arange(successes + 1)
    logs = ways + counts * np.log(chance) + (trials - counts) * np.log1p(-chance)
    return min(1.0, float(np.exp(logs).sum()))


@cache
def upper_bound(successes: int, trials: int, alpha: float) -> float:
    """Below it lies the chance of success with probability 1 - alpha at least."""
    halvings = HALVINGS if successes < trials else 0
    return narrowed(successes / trials, 1.0, halvings, lambda chance: cdf(successes, trials, chance) <= alpha)[1]


def difference_cdf(most: int, trials: int, up: FloatArray, down: FloatArray) -> FloatArray:
    """(C,): how likely do trials that add 1 with chance ``up`` (C,), -1 with ``down`` (C,), sum to ``most`` at most?

    The characteristic function to the power of the trials, transformed back: exact but for rounding.
    """
    size = 2 ** (2 * trials + 1).bit_length()
    turn = np.exp(-2j * np.pi / size * np.arange(size // 2 + 1))
    up, down = np.asarray(up)[:, None], np.asarray(down)[:, None]
    chances = np.fft.irfft(_power(1 - up - down + up * turn + down * turn.conj(), trials), size)
    return np.asarray(chances[:, np.arange(-trials, most + 1)].sum(axis=1).clip(0, 1))


def _power(base: npt.NDArray[np.complex128], exponent: int) -> npt.NDArray[np.complex128]:
    """By squaring: several times as fast as NumPy's own."""
    result = np.ones_like(base)
    while exponent:
        result, base, exponent = result * base if exponent % 2 else result, base * base, exponent // 2
    return result
