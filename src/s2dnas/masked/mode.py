"""How a masked network runs one pass."""

from dataclasses import dataclass

from s2dnas.masked.stagewise import Observer


@dataclass(frozen=True)
class Mode:
    """How a masked network runs one pass; the default is the plan itself.

    ``leak`` in [0, 1] is how much of the weights that the plan forbids is let through: 1 is the static network, read by
    all stages. ``momentum`` replaces that of running statistics: 1 / k in the k-th pass makes them plain means.
    ``carry_gradient`` in [0, 1] is how much of the gradient from later stages reaches the features of earlier ones.
    ``observer`` is called with each call of the network before it runs.
    """

    leak: float = 0.0
    momentum: float | None = None
    carry_gradient: float = 1.0
    observer: Observer | None = None


PLAN_ITSELF = Mode()
