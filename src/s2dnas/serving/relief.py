"""Thresholds that fall as a queue fills: accuracy gives way before latency does."""

import math
from collections.abc import Sequence

from s2dnas.serving.limits import ServingLimits

RELIEF_STEPS = 4
"""From the requested thresholds to the cheapest ones: few, so that answers can be counted by them."""


def relief_at(load: float, limits: ServingLimits) -> float:
    """The share by which thresholds fall where the share ``load`` of the queue is taken.

    0 up to ``relief_from``; from there it rises in ``RELIEF_STEPS`` equal steps to ``relief_most`` at a full queue.
    """
    above = (load - limits.relief_from) / (1 - limits.relief_from)
    return limits.relief_most * math.floor(RELIEF_STEPS * min(max(above, 0.0), 1.0)) / RELIEF_STEPS


def relieved(thresholds: Sequence[float], relief: float) -> tuple[float, ...]:
    """Thresholds (S - 1,) lowered by a share: an image leaves where it would have left, or earlier."""
    return tuple(threshold * (1 - relief) for threshold in thresholds)
