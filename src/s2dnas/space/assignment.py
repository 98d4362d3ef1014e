"""From a plan to stage numbers: of each unit, and of what each mixing layer may read."""

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import IntArray
from s2dnas.graph.channels import ChannelGraph, Mixing
from s2dnas.space.plan import Plan, stage_pairs


def stage_of_units(graph: ChannelGraph, plan: Plan) -> IntArray:
    """The stage of every unit (U,), counted from 0. What is not divided, and what belongs anywhere, is in stage 0."""
    stages = np.zeros(graph.num_units, dtype=np.int64)
    for coupling in graph.couplings:
        if (widths := plan.widths.get(coupling.name)) is not None:
            stages[coupling.units] = np.repeat(np.arange(plan.num_stages), widths)
    return stages


def readable(layer: Mixing, plan: Plan) -> npt.NDArray[np.bool_]:
    """(S, S): whether stage j (row) of a layer reads the features of stage i (column). Block lower triangular."""
    reads = np.tri(plan.num_stages, dtype=np.bool_)
    if layer.in_tail or (flags := plan.indicators.get(layer.name)) is None:
        return reads
    for (i, j), flag in zip(stage_pairs(plan.num_stages), flags, strict=True):
        reads[j, i] = flag
    return reads
