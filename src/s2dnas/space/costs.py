"""What plans cost, in whatever unit: search, thresholds and budgets know no more of it than this."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.errors import SettingsError
from s2dnas.graph.channels import ChannelGraph
from s2dnas.space.cost import cost_model
from s2dnas.space.plan import Plan


@dataclass(frozen=True, eq=False)
class Cost:
    """``of(plan)`` gives S cumulative costs, what a sample costs that leaves after each stage; ``static`` is what it
    costs in the undivided network. Both are in ``unit``, such as "macs", "ms" or "mJ".

    Raises SettingsError if the static cost is not positive and finite.
    """

    unit: str
    static: float
    of: Callable[[Plan], FloatArray]

    def __post_init__(self) -> None:
        if not (np.isfinite(self.static) and self.static > 0):
            raise SettingsError(f"the static network must cost something, not {self.static} {self.unit}")

    def shares(self, plan: Plan) -> FloatArray:
        """(S,) cumulative costs of a plan as shares of the static network's."""
        return np.asarray(self.of(plan)) / self.static


def mac_cost(graph: ChannelGraph) -> Cost:
    """Multiply-adds per sample."""
    return Cost("macs", float(graph.static_macs), cost_model(graph).macs)
