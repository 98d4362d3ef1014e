"""Exact binomial probabilities and the bound that they give (Clopper and Pearson, 1934)."""

from functools import cache

import numpy as np

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
    low, high = successes / trials, 1.0
    for _ in range(HALVINGS if successes < trials else 0):
        middle = (low + high) / 2
        low, high = (low, middle) if cdf(successes, trials, middle) <= alpha else (middle, high)
    return high
