"""Find where a condition begins to hold, by halving an interval."""

from collections.abc import Callable


def narrowed(low: float, high: float, halvings: int, holds: Callable[[float], bool]) -> tuple[float, float]:
    """The ends of an interval, halved so often, around the point from which on a condition holds up to ``high``."""
    for _ in range(halvings):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low, high
