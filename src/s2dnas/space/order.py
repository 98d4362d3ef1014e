"""The order of units within a coupling: since weights are inherited, the best channels go to the first stage."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from torch import Tensor

from s2dnas.arrays import FloatArray
from s2dnas.errors import SettingsError, nearest
from s2dnas.graph.channels import ChannelGraph
from s2dnas.space.importance import as_defined, by_activation, by_l1, by_norm_scale

IMPORTANCES: dict[str, Callable[[ChannelGraph, Tensor | None], FloatArray]] = {
    "l1": by_l1,
    "norm_scale": by_norm_scale,
    "activation": by_activation,
    "none": as_defined,
}


def by_importance(graph: ChannelGraph, order: str = "l1", images: Tensor | None = None) -> ChannelGraph:
    """The same analysis with each coupling's units from most to least important.

    The order "activation" looks at ``images`` (N, C, H, W), normalised as in training.
    Raises SettingsError for an unknown order, or one that needs images and has none.
    """
    if order not in IMPORTANCES:
        raise SettingsError(f"unknown order {order!r}{nearest(order, IMPORTANCES)}")
    importance = IMPORTANCES[order](graph, images)
    couplings = tuple(
        replace(coupling, units=coupling.units[np.argsort(-importance[coupling.units], kind="stable")])
        for coupling in graph.couplings
    )
    return replace(graph, couplings=couplings)
