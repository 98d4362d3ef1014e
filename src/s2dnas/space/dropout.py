"""How much each stage drops in training: what is made for a wide network would starve a thin one."""

import numpy as np

from s2dnas.arrays import IntArray
from s2dnas.graph.channels import ChannelGraph, Layout
from s2dnas.graph.dropout import dropout_rate, is_dropout
from s2dnas.space.assignment import stage_of_units
from s2dnas.space.plan import Plan

_ENOUGH = 0.5


def stage_dropout(graph: ChannelGraph, plan: Plan) -> dict[str, tuple[float, ...]]:
    """The rate (S,) at which each stage drops its own channels, by call of dropout, in the body and in the tail.

    It is the static rate times the share of the dropped value's channels that are in this stage and earlier ones, and 0
    where that is less than half: so the last stage keeps the static rate. (Networks that train many widths at once
    regularise the largest alone: Wang et al., AttentiveNAS, 2021.) In the tail, and for a value of which each
    stage has its own version, the share is that of the features that it is computed from.
    """
    stages = stage_of_units(graph, plan)
    rates = {}
    for node in graph.traced.graph.nodes:
        if is_dropout(node):
            units = stages[_units(graph, node.name)]
            shares = [float((units <= stage).mean()) for stage in range(plan.num_stages)]
            rates[node.name] = tuple(dropout_rate(node) * share if share >= _ENOUGH else 0.0 for share in shares)
    return rates


def _units(graph: ChannelGraph, name: str) -> IntArray:
    """The units that a dropped value is made of."""
    if name in graph.tail:
        return np.concatenate([layer.inputs for layer in graph.mixing if layer.in_tail])
    if name in graph.per_stage:
        return graph.per_stage[name]
    layout = graph.layouts[name]
    assert isinstance(layout, Layout)
    return layout.units
