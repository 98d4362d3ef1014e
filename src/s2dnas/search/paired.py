"""Two plans compared by what they answer on the same samples."""

from dataclasses import dataclass

import numpy as np

from s2dnas.arrays import FloatArray

SEPARATED = 2.0
"""How many standard errors a difference must exceed to count as one."""


@dataclass(frozen=True)
class PairedDifference:
    """By how much one plan answers better than another, as a share of samples, and the standard error of that."""

    mean: float
    error: float

    @property
    def separated(self) -> bool:
        """Whether it is more than chance may have made."""
        return abs(self.mean) > SEPARATED * self.error


def paired_difference(first: FloatArray, second: FloatArray) -> PairedDifference:
    """How much better the first answers than the second: both (N,), how right each sample is answered, in [0, 1]."""
    paired = first - second
    return PairedDifference(float(paired.mean()), float(paired.std(ddof=1) / np.sqrt(len(paired))))
