"""How a masked pass drops in training: each stage's channels at the rate of that stage."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor, fx

from s2dnas.graph.calls import operand
from s2dnas.graph.channels import ChannelGraph, Layout
from s2dnas.graph.dropout import at_rate
from s2dnas.masked.stagewise import Read, Versions, interleaved, taken, version, with_value
from s2dnas.space.assignment import stage_of_units
from s2dnas.space.dropout import stage_dropout
from s2dnas.space.plan import Plan


class StageDropout:
    """Runs calls of dropout as one plan divides the channels. ``names`` are those whose rate depends on the stage."""

    def __init__(self, graph: ChannelGraph, plan: Plan) -> None:
        self._layouts, self._stages = graph.layouts, stage_of_units(graph, plan)
        self._rates = {name: rates for name, rates in stage_dropout(graph, plan).items() if len(set(rates)) > 1}
        self.names = frozenset(self._rates)

    def run(self, node: fx.Node, call: Callable[[Read, Sequence[Any]], Any], read: Read, stage: int | None) -> Any:
        """The result of a call in one stage's tail, or in the body (None). ``call`` runs it on arguments, given how to
        read a value of the graph."""
        rates, value = self._rates[node.name], read(operand(node))
        if stage is not None:
            return call(read, at_rate(node.args, rates[stage]))
        if isinstance(value, Versions):
            each = enumerate(rates)
            return Versions(tuple(call(version(read, index), at_rate(node.args, rate)) for index, rate in each))
        return self._divided(node, call, read, value)

    def _divided(self, node: fx.Node, call: Callable[[Read, Sequence[Any]], Any], read: Read, value: Tensor) -> Any:
        layout, rates = self._layouts[node.name], self._rates[node.name]
        assert isinstance(layout, Layout)
        if layout.axis is None:  # of one stage as a whole
            return call(read, at_rate(node.args, rates[int(self._stages[layout.units[0]])]))
        stages = self._stages[layout.along(value.shape[layout.axis])]
        own = [np.flatnonzero(stages == stage) for stage in range(len(rates))]
        parts = [
            call(with_value(read, operand(node), taken(value, layout.axis, positions)), at_rate(node.args, rate))
            for positions, rate in zip(own, rates, strict=True)
        ]
        return interleaved(parts, layout.axis, own)
