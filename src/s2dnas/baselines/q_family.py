"""MSDNet's own way to set thresholds for a budget: one number fixes the share of samples that leaves at each stage."""

import math
from collections.abc import Sequence

import numpy as np

from s2dnas.errors import SettingsError
from s2dnas.exits import NEVER, ExitRule, ExitTable

QS = tuple(np.geomspace(0.05, 20.0, 41).tolist())
"""From nearly everybody at the first stage to nearly everybody at the last."""


def q_rule(table: ExitTable, q: float) -> ExitRule:
    """Thresholds at which the samples of a table leave in shares proportional to q^k, k = 1 to S.

    Stage after stage, the surest of those that are left leave, and so do those that tie with the last of them.
    Raises SettingsError if q is not positive.
    """
    if not 0 < q < math.inf:
        raise SettingsError(f"q must be positive, not {q}; below 1 most samples leave early, above 1 late")
    powers = np.exp(math.log(q) * (np.arange(table.num_stages) - (table.num_stages if q > 1 else 0)))
    counts = np.floor(table.num_samples * powers / powers.sum()).astype(int)
    staying = np.ones(table.num_samples, dtype=np.bool_)
    thresholds = []
    for scores, count in zip(table.scores[:-1], counts[:-1], strict=True):
        falling = np.sort(scores[staying])[::-1]
        count = min(int(count), len(falling))
        thresholds.append(float(falling[count - 1]) if count else NEVER)
        staying &= scores < thresholds[-1]
    return ExitRule(table.confidence, tuple(thresholds))


def q_family(table: ExitTable, qs: Sequence[float] = QS) -> list[ExitRule]:
    """One rule per q, from cheap to expensive if the qs rise. Raises SettingsError if a q is not positive."""
    return [q_rule(table, q) for q in qs]
