"""What is known while the graph of one stage is written: its parts of values, its weights, what it reads of others."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import fx

from s2dnas.arrays import IntArray
from s2dnas.graph.dropout import at_rate
from s2dnas.graph.traced import FIRST
from s2dnas.network.weights import Weights
from s2dnas.space.dropout import stage_dropout
from s2dnas.space.plan import Plan
from s2dnas.staged.parts import Parts
from s2dnas.staged.stage_graph import StageGraph, index


class StageWriter:
    """The state of writing stage ``index`` into ``out``: ``own`` maps a value's name to this stage's part of it.

    ``numbers`` holds what depends on the size of the batch. ``staged.write`` decides how each call is written.
    """

    def __init__(self, parts: Parts, plan: Plan, weights: Weights, index: int) -> None:
        self.parts, self.plan, self.index = parts, plan, index
        self.graph, self.traced = parts.graph, parts.graph.traced
        self.out = StageGraph(self.traced.parameters)
        self.own: dict[str, fx.Node] = {}
        self.body, self.head = weights.body, weights.heads[index]
        self.numbers: dict[str, Any] = {}
        self._dropout = stage_dropout(self.graph, plan)

    def channels(self, node: fx.Node) -> IntArray:
        """The positions along a value's channel axis that belong to this stage."""
        return self.parts.channels(node.name, self.index)

    def number(self, argument: Any) -> Any:
        """An argument with the numbers that this stage computes put in."""
        return fx.map_arg(argument, lambda node: self.numbers.get(node.name, node))

    def values(self, argument: Any) -> list[fx.Node]:
        """The values in a list of values."""
        return [value for value in argument if isinstance(value, fx.Node)]

    def read(self, source: fx.Node, node: fx.Node) -> Any:
        """What a call on this stage's part reads of one of its operands."""
        if source.name in self.numbers:
            return self.numbers[source.name]
        layout, result = self.parts.layout(source.name), self.parts.layout(node.name)
        shape, rank = self.traced.shapes[source.name], len(self.traced.shapes[node.name])
        if layout.axis is not None or result.axis is None:
            return self.available(source)
        axis = result.axis - rank + len(shape)
        if axis < 0 or shape[axis] == 1:
            return self.available(source)
        return self.part(source, axis, self.channels(node))

    def part(self, source: fx.Node, axis: int, positions: IntArray) -> fx.Node:
        """This stage's part of a value, which is at these positions; of a value that belongs anywhere, these."""
        value, size = self.available(source), self.parts.size(source.name, axis)
        divided = self.parts.layout(source.name).axis is not None
        return value if divided else self.out.select(value, axis, positions, size)

    def available(self, source: fx.Node) -> fx.Node:
        """This stage's part of a divided value; an undivided one from the stage that owns it."""
        if (name := self.traced.tensors.get(source.name)) is not None:
            return self._parameter(source, name)
        if self.parts.per_stage(source.name):
            return self.own[source.name]
        divided = self.parts.layout(source.name).axis is not None and not self.parts.whole(source.name)
        return self.stage_part(source, self.index if divided else self.parts.owner(source.name))

    def stage_part(self, source: fx.Node, stage: int) -> fx.Node:
        """The part of a value that a stage computed, which is this one or an earlier one."""
        if source.name == self.traced.image:
            return self.out.image
        if stage == self.index or source.name in self.traced.constants:
            return self.own[source.name]
        return self._unpacked(source.name, self.out.input(source.name, stage))

    def packed(self, name: str) -> fx.Node:
        """This stage's part of a value as it is handed on: with the samples along its first axis."""
        value, samples = self.own[name], self.traced.samples.get(name) or FIRST
        if samples == FIRST:
            return value
        moved = self.out.call(torch.ops.aten.movedim.int, value, samples.axis, 0)
        return self.out.call(torch.ops.aten.unflatten.int, moved, 0, [-1, samples.count])

    def arguments(self, node: fx.Node) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a call on this stage's part."""
        arguments, keywords = fx.map_arg((node.args, node.kwargs), lambda source: self.read(source, node))
        return list(arguments), dict(keywords)

    def repeat(self, node: fx.Node, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> fx.Node:
        """A call of the static network on other arguments; one of dropout drops as much as is this stage's to drop."""
        if (rates := self._dropout.get(node.name)) is not None:
            arguments = at_rate(arguments, rates[self.index])
        return self.out.repeat(node, arguments, keywords)

    def apply(self, node: fx.Node) -> fx.Node:
        """A call that acts on a part as it acts on the whole."""
        return self.repeat(node, *self.arguments(node))

    def _unpacked(self, name: str, value: fx.Node) -> fx.Node:
        samples = self.traced.samples.get(name) or FIRST
        if samples == FIRST:
            return value
        flat = self.out.call(torch.ops.aten.flatten.using_ints, value, 0, 1)
        return self.out.call(torch.ops.aten.movedim.int, flat, 0, samples.axis)

    def _parameter(self, source: fx.Node, name: str) -> fx.Node:
        """A parameter: its slice along the axis that runs with the channels."""
        value, layout = self.body[name], self.graph.layouts.get(source.name)
        axis = None if layout is None else self.parts.layout(source.name).axis
        if axis is not None and not self.parts.whole(source.name):
            value = value.index_select(axis, index(self.channels(source)).to(value.device))
        return self.out.tensor(name, value)
