"""Write the graph of one stage: the static network's calls on this stage's channels, with its own slices of weights."""

import operator
from typing import Any

import torch
from torch import fx

from s2dnas.graph.calls import blaming, operator_name, result_of
from s2dnas.graph.channels import IntArray
from s2dnas.graph.samples import FIRST
from s2dnas.network.cumulative import cumulative
from s2dnas.network.layers import classifier, grouped, mixing
from s2dnas.network.parts import Parts
from s2dnas.network.slicing import SLICERS
from s2dnas.network.stage_graph import StageGraph, index
from s2dnas.network.weights import Weights
from s2dnas.space.plan import Plan


class StageWriter:
    """Writes the calls of stage ``index`` into ``out``; ``own`` maps each value's name to this stage's part of it."""

    def __init__(self, parts: Parts, plan: Plan, weights: Weights, index: int) -> None:
        self.parts, self.plan, self.index = parts, plan, index
        self.traced, self.graph = parts.traced, parts.graph
        self.out = StageGraph(self.traced.parameters)
        self.own: dict[str, fx.Node] = {}
        self.body, self.head = weights.body, weights.heads[index]
        self.numbers: dict[str, Any] = {}

    def write(self) -> fx.Node:
        """All calls of the stage; the result is the node of its logits."""
        for node in self.traced.graph.nodes:
            if node.op != "call_function":
                continue
            way_out = f"register(whole, {operator_name(node)!r}) keeps its channels whole (docs/adding-an-operator.md)"
            with blaming(node, f"cannot be written for stage {self.index + 1}", way_out):
                self._write(node)
        return self.own[result_of(self.traced.graph).name]

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
        return self._unpacked(source.name, self.out.take(source.name, stage))

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

    def apply(self, node: fx.Node) -> fx.Node:
        """A call that acts on a part as it acts on the whole."""
        return self.out.repeat(node, *self.arguments(node))

    def _write(self, node: fx.Node) -> None:
        if node.name in self.traced.scalars:
            self.numbers[node.name] = self._number(node)
        elif node.name in self.graph.tail:
            self.own[node.name] = classifier(self, node)
        elif (part := self._part_of(node)) is not None:
            self.own[node.name] = part

    def _part_of(self, node: fx.Node) -> Any:
        """This stage's part of a call's result, None if it has none."""
        here = self.index == 0 or node.name in self.traced.constants
        if self._all_whole(node):
            return self._verbatim(node) if here else None
        if node.name in self.graph.cumulative:
            return cumulative(self, node)
        if self.parts.per_stage(node.name):
            return self.apply(node)
        if not self.parts.present(node.name, self.index):
            return None
        if (layer := self.graph.layer_of.get(node.name)) is not None:
            return grouped(self, node, layer) if layer.groups > 1 else mixing(self, node, layer)
        slicer = SLICERS.get(operator_name(node))
        return slicer(self, node) if slicer is not None else self.apply(node)

    def _all_whole(self, node: fx.Node) -> bool:
        known = [source.name for source in node.all_input_nodes if source.name in self.graph.layouts]
        return all(self.parts.whole(name) for name in [node.name, *known])

    def _verbatim(self, node: fx.Node) -> fx.Node:
        """A call on undivided values belongs to the first stage; one that needs no image, to every stage."""

        def same(source: fx.Node) -> Any:
            return self.numbers[source.name] if source.name in self.numbers else self.available(source)

        return self.out.repeat(node, *fx.map_arg((node.args, node.kwargs), same))

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

    def _number(self, node: fx.Node) -> Any:
        """What depends on the batch is computed anew: sizes from the image's N, the rest from them."""
        if operator_name(node) == "aten.sym_size":
            per_sample = self.traced.scalars[node.name]
            samples = self.out.samples()
            return samples if per_sample == 1 else self.out.call(operator.mul, samples, per_sample)
        return self.out.call(node.target, *self.number(node.args), **self.number(node.kwargs))
