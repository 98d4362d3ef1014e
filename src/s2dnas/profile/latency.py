"""Milliseconds as what plans cost."""

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.errors import SettingsError
from s2dnas.graph.channels import ChannelGraph
from s2dnas.profile.fusion import FUSED
from s2dnas.profile.table import LatencyTable
from s2dnas.profile.work import WorkModel
from s2dnas.space.costs import Cost
from s2dnas.space.plan import Plan


def latency_cost(graph: ChannelGraph, table: LatencyTable, batch: int, given: ChannelGraph | None = None) -> Cost:
    """Milliseconds per sample, where samples come in batches of ``batch`` and those that go on are batched again.

    ``given``: the network that the user gave, if ``graph`` was widened; the static network's time is that one's.
    Raises SettingsError if the table was made for another network or batch, or in an engine that is not known.
    """
    if table.engine not in FUSED:
        raise SettingsError(f"the latency table was made in {table.engine!r}; known are {', '.join(FUSED)}")
    fused = FUSED[table.engine]
    model = WorkModel(graph, fused)
    static = (model if given is None else WorkModel(given, fused)).static()

    def of(plan: Plan) -> FloatArray:
        return np.cumsum(table.stages(model.of(plan), batch)) / batch

    return Cost("ms", sum(table.stages([static], batch)) / batch, of)
