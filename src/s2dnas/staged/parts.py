"""Which part of every value belongs to which stage."""

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, fx

from s2dnas.arrays import IntArray
from s2dnas.graph.calls import operand
from s2dnas.graph.channels import ChannelGraph, Layout
from s2dnas.graph.traced import resolve


class Parts:
    """The division of a network's values among stages, for one assignment of stages to units (U,)."""

    def __init__(self, graph: ChannelGraph, stages: IntArray) -> None:
        self.graph, self.stages = graph, stages

    def layout(self, name: str) -> Layout:
        """The layout of a value; all results of a call are divided alike."""
        layout = self.graph.layouts[name]
        return layout if isinstance(layout, Layout) else layout[0]

    def owner(self, name: str) -> int:
        """The stage that computes a value which is not divided."""
        return int(self.stages[self.layout(name).units[0]])

    def channels(self, name: str, stage: int) -> IntArray:
        """The positions along a value's channel axis that belong to a stage; [0] for an undivided value's owner."""
        return self.positions(self.layout(name).units, stage)

    def positions(self, units: IntArray, stage: int) -> IntArray:
        """Where in an array of units a stage's are, in the order in which the stage holds them."""
        return np.flatnonzero(self.stages[units] == stage)

    def present(self, name: str, stage: int) -> bool:
        """Whether a stage has any part of a value."""
        return len(self.channels(name, stage)) > 0

    def per_stage(self, name: str) -> bool:
        """Whether each stage has a version of its own of a value."""
        return name in self.graph.per_stage and bool(self.stages[self.graph.per_stage[name]].any())

    def stage_along(self, name: str, axis: int) -> IntArray:
        """The stage of each position along an axis on which a value has its channels."""
        return np.asarray(self.stages[self.layout(name).along(self.size(name, axis))])

    def whole(self, name: str) -> bool:
        """Whether a value is all in stage 1."""
        if self.per_stage(name):
            return False
        layouts = self.graph.layouts[name]
        parts = (layouts,) if isinstance(layouts, Layout) else layouts
        return all(self.stay_whole(part.units) for part in parts)

    def stay_whole(self, units: IntArray) -> bool:
        """Whether all of these units are in stage 1."""
        return not self.stages[units].any()

    def size(self, name: str, axis: int) -> int:
        """The static size of a value along an axis."""
        return int(self.graph.traced.shapes[name][axis])

    def sources(self, node: fx.Node, axis: int) -> IntArray:
        """For each position along an axis of a call's result, the position of its operand, -1 for padding.

        Found by running the operator on positions instead of values.
        """
        shape = self.graph.traced.shapes[operand(node).name]
        view = [shape[axis] if other == axis else 1 for other in range(len(shape))]
        positions = torch.arange(1, shape[axis] + 1).view(view).expand(shape)
        arguments, keywords = resolve(self.graph.traced, (node.args[1:], node.kwargs))
        result: Tensor = cast(Any, node.target)(positions, *arguments, **keywords)
        return np.asarray(result.amax([other for other in range(result.ndim) if other != axis]).numpy() - 1)


def occurrence(values: IntArray) -> IntArray:
    """How many equal entries come before each."""
    order = np.argsort(values, kind="stable")
    ranks = np.argsort(order)
    return np.asarray(ranks - np.searchsorted(values[order], values))


def found_in(values: IntArray, wanted: IntArray) -> IntArray:
    """Where each wanted entry is among ``values``; of equal ones, the k-th is the k-th there."""
    order = np.argsort(values, kind="stable")
    return np.asarray(order[np.searchsorted(values[order], wanted) + occurrence(wanted)])
