"""The cheapest and the dearest plan bound the others."""

import numpy as np
import pytest
import torch

from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.trace import trace
from s2dnas.models.resnet import resnet20
from s2dnas.space.cost import cost_model
from s2dnas.space.division import search_space
from s2dnas.space.extremes import cheapest, most_expensive


@pytest.mark.parametrize("stages", [2, 3])
def test_no_drawn_plan_is_cheaper_or_dearer(stages: int) -> None:
    graph = analyse_channels(trace(resnet20(num_classes=10), torch.zeros(1, 3, 32, 32)))
    space, cost = search_space(graph, stages, 4), cost_model(graph)
    low, high = (float(cost.macs(find(space, cost))[-1]) for find in (cheapest, most_expensive))
    rng = np.random.default_rng(0)
    drawn = [float(cost.macs(space.sample(rng))[-1]) for _ in range(300)]
    assert low < min(drawn) < max(drawn) < high <= graph.macs
    assert low < cost.macs(space.uniform())[-1] < high
