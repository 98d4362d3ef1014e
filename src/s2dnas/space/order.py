"""The order of units within a coupling: since weights are inherited, the best channels go to the first stage."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from s2dnas.errors import SettingsError, nearest
from s2dnas.graph.channels import ChannelGraph
from s2dnas.graph.trace import Traced

FloatArray = npt.NDArray[np.float64]


def by_l1(traced: Traced, graph: ChannelGraph) -> FloatArray:
    """Importance (U,): the mean, over the layers that produce a unit, of the relative L1 norm of its weights there.

    Norms are divided by their mean in the layer, so that no layer dominates. L1 norms of filters as their importance:
    Li et al., Pruning Filters for Efficient ConvNets, 2017.
    """
    total, count = np.zeros(graph.num_units), np.zeros(graph.num_units)
    for layer in graph.mixing:
        weight = traced.values[layer.weight].detach().double().abs()
        norms = weight.flatten(1).sum(1).cpu().numpy()
        np.add.at(total, layer.outputs, norms / max(norms.mean(), np.finfo(float).tiny))
        np.add.at(count, layer.outputs, 1)
    return np.asarray(total / np.maximum(count, 1))


def as_defined(traced: Traced, graph: ChannelGraph) -> FloatArray:  # noqa: ARG001 (one signature for all)
    """Equal importance: units stay in the order of the network's channels."""
    return np.zeros(graph.num_units)


ORDERS: dict[str, Callable[[Traced, ChannelGraph], FloatArray]] = {"l1": by_l1, "none": as_defined}


def ordered(traced: Traced, graph: ChannelGraph, order: str = "l1") -> ChannelGraph:
    """The same analysis with each coupling's units from most to least important. Raises SettingsError."""
    if order not in ORDERS:
        raise SettingsError(f"unknown order {order!r}{nearest(order, ORDERS)}")
    importance = ORDERS[order](traced, graph)
    couplings = tuple(
        replace(coupling, units=coupling.units[np.argsort(-importance[coupling.units], kind="stable")])
        for coupling in graph.couplings
    )
    return replace(graph, couplings=couplings)
