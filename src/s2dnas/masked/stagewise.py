"""How a masked pass runs the calls that read all features so far, and what follows of their results.

A layer norm sees, for the channels of each stage, those of earlier stages and its own; a mean over channels has one
version per stage.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from s2dnas.arrays import IntArray
from s2dnas.graph.calls import operand
from s2dnas.graph.channels import ChannelGraph, Layout
from s2dnas.graph.cumulative import for_channels
from s2dnas.space.assignment import stage_of_units
from s2dnas.space.plan import Plan

Read = Callable[[fx.Node], Any]
"""Reads the value of a node."""

Observer = Callable[[int | None, fx.Node, Read], None]
"""Called before a node runs, with the stage whose tail it belongs to (None: the body), the node, and what reads the
values so far."""


@dataclass(frozen=True, eq=False)
class Versions:
    """A value of which each stage has its own, one per stage; a call with several results has a tuple of them."""

    of_stage: tuple[Any, ...]


class Stagewise:
    """Runs calls once per stage, as one plan divides the channels. ``names`` are the calls that it is needed for."""

    def __init__(self, graph: ChannelGraph, plan: Plan) -> None:
        self._graph, self._num_stages = graph, plan.num_stages
        self._stages = stage_of_units(graph, plan)
        affected = graph.cumulative.keys() | graph.per_stage.keys()
        self.names = frozenset(
            node.name
            for node in graph.traced.graph.nodes
            if node.name in affected or any(source.name in affected for source in node.all_input_nodes)
        )

    def run(self, node: fx.Node, call: Callable[[Read, Sequence[Any]], Any], read: Read, leak: float) -> Any:
        """The result of a call. ``call`` runs it on arguments, given how to read a value of the graph."""
        if node.name in self._graph.cumulative:
            return self._run_cumulative(node, call, read, leak)
        if not any(isinstance(read(source), Versions) for source in node.all_input_nodes):
            return call(read, node.args)
        results = [call(version(read, stage), node.args) for stage in range(self._num_stages)]
        if node.name in self._graph.per_stage:
            return Versions(tuple(results))
        layout = self._graph.layouts[node.name]
        assert isinstance(layout, Layout)
        if layout.axis is None:
            return results[int(self._stages[layout.units[0]])]
        own = [np.flatnonzero(self._stages[layout.units] == stage) for stage in range(self._num_stages)]
        return interleaved(
            [taken(result, layout.axis, part) for result, part in zip(results, own, strict=True)], layout.axis, own
        )

    def _run_cumulative(
        self, node: fx.Node, call: Callable[[Read, Sequence[Any]], Any], read: Read, leak: float
    ) -> Any:
        source, axis = operand(node), self._graph.cumulative[node.name]
        shape, layout = self._graph.traced.shapes[source.name], self._graph.layouts[source.name]
        assert isinstance(layout, Layout)
        stages = self._stages[layout.along(shape[axis])]
        if not stages.any():
            return call(read, node.args)
        whole = call(read, node.args)
        results = []
        for stage in range(self._num_stages):
            seen = np.flatnonzero(stages <= stage)
            part = taken(read(source), axis, seen)
            arguments = for_channels(node, len(shape), axis, len(seen))
            result = call(with_value(read, source, part), arguments) if len(seen) else _zeros(whole)
            if node.name not in self._graph.per_stage:
                result = taken(result, axis, np.flatnonzero(stages[seen] == stage))
            results.append(result)
        if node.name in self._graph.per_stage:
            return Versions(tuple(_blend(result, whole, leak) for result in results))
        own = [np.flatnonzero(stages == stage) for stage in range(self._num_stages)]
        return _blend(interleaved(results, axis, own), whole, leak)


def version(read: Read, stage: int) -> Read:
    """Reads one stage's version of each value."""

    def of_stage(node: fx.Node) -> Any:
        value = read(node)
        return value.of_stage[stage] if isinstance(value, Versions) else value

    return of_stage


def with_value(read: Read, source: fx.Node, value: Tensor) -> Read:
    """Reads a value in the place of a node's."""
    return lambda node: value if node is source else read(node)


def taken(value: Tensor, axis: int, positions: IntArray) -> Tensor:
    """What is at some positions along an axis."""
    return value.index_select(axis, torch.from_numpy(positions).to(value.device))


def interleaved(parts: Sequence[Tensor], axis: int, positions: Sequence[IntArray]) -> Tensor:
    """Parts put back at their positions along an axis."""
    return taken(torch.cat(list(parts), axis), axis, np.argsort(np.concatenate(positions)))


def _zeros(value: Any) -> Any:
    return torch.zeros_like(value) if isinstance(value, Tensor) else tuple(map(torch.zeros_like, value))


def _blend(part: Any, whole: Any, leak: float) -> Any:
    """``leak`` of what the static network computes, the rest of what the plan does."""
    if leak == 0:
        return part
    if not isinstance(part, Tensor):
        return tuple(_blend(a, b, leak) for a, b in zip(part, whole, strict=True))
    return torch.lerp(part, whole, leak)
