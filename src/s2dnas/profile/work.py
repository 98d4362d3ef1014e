"""What each stage of a plan has to do, in closed form: which layers of which widths, and what is moved around them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

from torch import fx

from s2dnas.arrays import FloatArray, IntArray
from s2dnas.graph.calls import operand, operator_name
from s2dnas.graph.channels import ChannelGraph, Layout
from s2dnas.profile.kernel import WEIGHTED, Kernel, kernel_of
from s2dnas.space.assignment import stage_of_units
from s2dnas.space.cost import cost_model
from s2dnas.space.plan import Plan

Sized = tuple[Kernel, int, int]
"""A layer: a kernel, with its numbers of inputs and outputs."""


@dataclass(frozen=True)
class StageWork:
    """What one stage does for one sample: its ``layers``, and numbers of elements.

    ``joined``: what concatenations write; ``reordered``: what changes its memory layout, if an engine has one of its
    own: features that come from, or go to, other stages; ``touched``: what is left of pointwise calls and pools after
    the engine has fused them into layers. ``calls``: layers, concatenations and those calls; ``weights``: elements.
    """

    layers: tuple[Sized, ...]
    joined: float
    reordered: float
    touched: float
    calls: int
    weights: float


class WorkModel:
    """The work of every plan of a network, for an engine of which ``fused`` tells what costs nothing of its own."""

    def __init__(self, graph: ChannelGraph, fused: Callable[[fx.Node], bool]) -> None:
        self._graph, self._cost = graph, cost_model(graph)
        nodes = [node for node in graph.traced.graph.nodes if _depends_on_the_image(node, graph)]
        self._weighted = [node for node in nodes if operator_name(node) in WEIGHTED]
        self._left = [node for node in nodes if operator_name(node) not in WEIGHTED and not fused(node)]
        self.kernels = {node.name: kernel_of(node, graph.traced) for node in self._weighted}
        """Of each call of a convolution or linear layer, by its name in the graph."""

    def static(self) -> StageWork:
        """The work of the undivided network."""
        (work,) = self.of(Plan(1, {}, {}))
        return work

    def of(self, plan: Plan) -> tuple[StageWork, ...]:
        """The work of each stage of a plan, (S,)."""
        outputs, reads = self._cost.channels(plan)
        channels = {
            node: (outputs[index], reads[index])
            for index, layer in enumerate(self._graph.mixing)
            for node in layer.nodes
        }
        stages = stage_of_units(self._graph, plan)
        return tuple(_Stage(self._graph, channels, stages, stage).work(self) for stage in range(plan.num_stages))

    def layers(self, stage: "_Stage") -> Iterator[Sized]:
        """The layers that a stage has."""
        for node in self._weighted:
            inputs, outputs = stage.widths(node)
            if outputs:
                kernel = self.kernels[node.name]
                yield kernel, kernel.read_for(inputs, outputs), outputs

    def copies(self, stage: "_Stage") -> tuple[dict[tuple[str, ...], float], dict[tuple[str, ...], float]]:
        """Elements of each concatenation, and of each change of memory layout; equal ones are made once."""
        joined: dict[tuple[str, ...], float] = {}
        reordered: dict[tuple[str, ...], float] = {}
        for node in self._weighted:
            source = operand(node).name
            if source == self._graph.traced.image or not self.kernels[node.name].window:
                continue
            size, parts = prod(self.kernels[node.name].size), stage.parts(node)
            if stage.hands_on(node) or (stage.index in parts and len(parts) > 1):
                reordered[source, "given"] = parts.get(stage.index, 0.0) * size
            if parts and list(parts) != [stage.index]:
                key = (source, *map(str, parts))
                reordered[key] = sum(parts.values()) * size
                if len(parts) > 1:
                    joined[key] = reordered[key]
        return joined, reordered

    def touched(self, stage: "_Stage") -> list[float]:
        """Elements of each call that is neither a layer nor fused into one."""
        return [elements for node in self._left if (elements := stage.elements(node)) > 0]


@dataclass(frozen=True)
class _Stage:
    """One stage of a plan: ``channels`` holds, per call of a mixing layer, those made (S,) and read (S, S)."""

    graph: ChannelGraph
    channels: Mapping[str, tuple[FloatArray, FloatArray]]
    stages: IntArray
    index: int

    def work(self, model: WorkModel) -> StageWork:
        """All that the stage does."""
        layers, touched = tuple(model.layers(self)), model.touched(self)
        joined, reordered = model.copies(self)
        return StageWork(
            layers=layers,
            joined=sum(joined.values()),
            reordered=sum(reordered.values()),
            touched=sum(touched),
            calls=len(layers) + len(joined) + len(touched),
            weights=float(sum(kernel.weights(inputs, outputs) for kernel, inputs, outputs in layers)),
        )

    def widths(self, node: fx.Node) -> tuple[int, int]:
        """Inputs and outputs of a layer in this stage; what is no mixing layer is whole."""
        if node.name in self.channels:
            made, read = self.channels[node.name]
            return round(float(read[self.index].sum())), round(float(made[self.index]))
        here = self.index == 0 or node.name in self.graph.tail
        weight = self.graph.traced.shapes[operand(node, 1).name]
        return (weight[1], weight[0]) if here else (0, 0)

    def parts(self, node: fx.Node) -> dict[int, float]:
        """Channels of each stage that a layer of this stage reads; none if it reads its own group alone."""
        layer = self.graph.layer_of.get(node.name)
        if layer is None or layer.groups > 1:
            return {}
        made, read = self.channels[node.name]
        return {stage: count for stage, count in enumerate(read[self.index].tolist()) if count and made[self.index]}

    def hands_on(self, node: fx.Node) -> bool:
        """Whether a later stage of a layer reads what it reads of this stage."""
        layer = self.graph.layer_of.get(node.name)
        if layer is None or layer.groups > 1:
            return False
        made, read = self.channels[node.name]
        return bool(((read[self.index + 1 :, self.index] > 0) & (made[self.index + 1 :] > 0)).any())

    def elements(self, node: fx.Node) -> float:
        """Elements of one sample that a call works on: those that a pool reads, that others give."""
        value = operand(node) if "pool" in operator_name(node) else node
        shape = self.graph.traced.shapes[value.name]
        sizes = [prod(part) for part in (shape if shape and isinstance(shape[0], tuple) else [shape])]
        if node.name in self.graph.tail:
            return float(sum(sizes))
        layouts = self.graph.layouts[value.name]
        units = (layouts if isinstance(layouts, Layout) else layouts[0]).units
        of_stage = (
            self.stages[units] <= self.index if node.name in self.graph.cumulative else self.stages[units] == self.index
        )
        return float(of_stage.mean() * sum(sizes))


def _depends_on_the_image(node: fx.Node, graph: ChannelGraph) -> bool:
    traced = graph.traced
    return node.op == "call_function" and node.name not in traced.scalars and node.name not in traced.constants
