"""Latency tables whose times follow a rule that a test can compute."""

from collections.abc import Callable, Sequence

from s2dnas.graph.channels import ChannelGraph
from s2dnas.profile.fusion import FUSED
from s2dnas.profile.kernel import Kernel
from s2dnas.profile.table import LatencyTable, LayerTimes, Surcharges
from s2dnas.profile.tasks import widths_to_time
from s2dnas.profile.work import WorkModel
from s2dnas.space.space import SearchSpace

Rule = Callable[[Kernel, int, int], float]
"""Milliseconds of a layer for one sample, by its inputs and outputs."""


def by_macs(kernel: Kernel, inputs: int, outputs: int) -> float:
    """A million multiply-adds take a millisecond."""
    return kernel.macs(inputs, outputs) / 1e6


def no_surcharge(batch: int, **prices: float) -> Surcharges:
    """Layers take what they take alone, and nothing else takes time, but for ``prices``."""
    nothing = dict.fromkeys(("joined", "reordered", "touched", "call", "stage", "fetched", "cache"), 0.0)
    return Surcharges(**{"batch": batch, "layers": 1.0, **nothing, **prices})


def table_by(
    rule: Rule, graph: ChannelGraph, space: SearchSpace, batches: Sequence[int] = (1, 64), engine: str = "onnxruntime"
) -> LatencyTable:
    """The table of a network's plans in which each layer takes what ``rule`` says, times the batch."""
    widths = widths_to_time(graph, space, WorkModel(graph, FUSED[engine]))
    layers = [
        LayerTimes(
            kernel=kernel,
            batch=batch,
            inputs=each.inputs,
            outputs=each.outputs,
            milliseconds=tuple(tuple(batch * rule(kernel, i, o) for o in each.outputs) for i in each.inputs),
        )
        for kernel, each in widths.items()
        for batch in batches
    ]
    return LatencyTable(
        engine=engine,
        threads=1,
        processor="none",
        versions={},
        layers=tuple(layers),
        surcharges=tuple(no_surcharge(batch) for batch in batches),
    )
