"""What any plan costs, in closed form, without a module being made."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2dnas.graph.channels import ChannelGraph, IntArray
from s2dnas.space.assignment import readable
from s2dnas.space.plan import Plan

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CostModel:
    """Multiply-adds per stage as sums of products of widths.

    For L mixing layers and C couplings of ``sizes`` (C,) units: ``outputs`` and ``inputs`` (L, C) hold channels per
    unit, ``whole_outputs`` and ``whole_inputs`` (L,) the channels that always stay in stage 1. ``first_stage`` and
    ``every_stage`` are what calls without a mixing layer cost, in the body and in the tail.
    """

    graph: ChannelGraph
    sizes: FloatArray
    outputs: FloatArray
    inputs: FloatArray
    whole_outputs: FloatArray
    whole_inputs: FloatArray
    first_stage: float
    every_stage: float

    def macs(self, plan: Plan) -> FloatArray:
        """(S,) cumulative multiply-adds for one sample: entry j is the cost of a sample that leaves after stage j."""
        widths = self._widths(plan)
        made, given = self.outputs @ widths, self.inputs @ widths
        made[:, 0] += self.whole_outputs
        given[:, 0] += self.whole_inputs
        per_stage = np.full(plan.num_stages, self.every_stage)
        per_stage[0] += self.first_stage
        for layer, outputs, inputs in zip(self.graph.mixing, made, given, strict=True):
            if layer.in_tail:  # each stage has a classifier of its own
                outputs = len(layer.outputs)
            per_output = len(layer.inputs) // layer.groups if layer.groups > 1 else readable(layer, plan) @ inputs
            per_stage += layer.macs_per_weight * outputs * per_output
        return np.asarray(np.cumsum(per_stage))

    def _widths(self, plan: Plan) -> FloatArray:
        """Units (C, S) per coupling and stage; a coupling that the plan does not divide is all in stage 1."""
        widths = np.zeros((len(self.sizes), plan.num_stages))
        for index, coupling in enumerate(self.graph.couplings):
            divided = plan.widths.get(coupling.name)
            widths[index] = divided if divided is not None else [self.sizes[index], *[0] * (plan.num_stages - 1)]
        return widths


def cost_model(graph: ChannelGraph) -> CostModel:
    """The cost of every plan of an analysed network."""
    member = np.full(graph.num_units, -1, dtype=np.int64)
    for index, coupling in enumerate(graph.couplings):
        member[coupling.units] = index
    sizes = np.array([len(coupling.units) for coupling in graph.couplings], dtype=float)

    def count(units: IntArray) -> tuple[FloatArray, float]:
        """Channels per unit of each coupling, and channels of no coupling."""
        owners = member[units]
        return np.bincount(owners[owners >= 0], minlength=len(sizes)) / sizes, float((owners < 0).sum())

    outputs, whole_outputs = zip(*(count(layer.outputs) for layer in graph.mixing), strict=True)
    inputs, whole_inputs = zip(*(count(layer.inputs) for layer in graph.mixing), strict=True)
    return CostModel(
        graph=graph,
        sizes=sizes,
        outputs=np.stack(outputs),
        inputs=np.stack(inputs),
        whole_outputs=np.array(whole_outputs),
        whole_inputs=np.array(whole_inputs),
        first_stage=float(sum(macs for node, macs in graph.whole_macs.items() if node not in graph.tail)),
        every_stage=float(sum(macs for node, macs in graph.whole_macs.items() if node in graph.tail)),
    )
