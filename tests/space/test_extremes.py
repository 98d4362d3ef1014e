"""The cheapest and the dearest plan bound the others."""

from collections.abc import Iterator
from itertools import permutations

import numpy as np
import pytest
import torch

from oracle import tiny
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.trace import trace
from s2dnas.models.resnet import resnet20
from s2dnas.space.cost import cost_model
from s2dnas.space.division import search_space
from s2dnas.space.extremes import cheapest, most_expensive
from s2dnas.space.plan import Plan
from s2dnas.space.space import Concat, SearchSpace


@pytest.mark.parametrize("stages", [2, 3])
def test_no_drawn_plan_is_cheaper_or_dearer(stages: int) -> None:
    graph = analyse_channels(trace(resnet20(num_classes=10), torch.zeros(1, 3, 32, 32)))
    space, cost = search_space(graph, stages, 4), cost_model(graph)
    low, high = (float(cost.macs(find(space, cost))[-1]) for find in (cheapest, most_expensive))
    rng = np.random.default_rng(0)
    drawn = [float(cost.macs(space.sample(rng))[-1]) for _ in range(300)]
    assert low < min(drawn) < max(drawn) < high <= graph.macs
    assert low < cost.macs(space.uniform())[-1] < high


def neighbours(space: SearchSpace, plan: Plan) -> Iterator[Plan]:
    """All plans with one indicator changed, or with pieces of one coupling moved from one stage to another."""
    choices = space.encode(plan)
    for index, (decision, choice) in enumerate(zip(space.decisions, choices, strict=True)):
        if isinstance(decision, Concat):
            changed = [tuple(flag ^ (at == place) for at, flag in enumerate(choice)) for place in range(len(choice))]
        else:
            moves = ((a, b, n) for a, b in permutations(range(len(choice)), 2) for n in {1, choice[a] - 1} if n > 0)
            changed = [
                tuple(width - n * (at == a) + n * (at == b) for at, width in enumerate(choice))
                for a, b, n in moves
                if n < choice[a]
            ]
        yield from (space.decode([*choices[:index], other, *choices[index + 1 :]]) for other in changed)


@pytest.mark.parametrize("name", ["vgg", "residual", "split_parts"])
@pytest.mark.parametrize("stages", [2, 3])
def test_no_single_change_makes_the_last_stage_cheaper_or_dearer(name: str, stages: int) -> None:
    graph = tiny(name).graph
    space, cost = search_space(graph, stages, 1), cost_model(graph)
    low, high = cheapest(space, cost), most_expensive(space, cost)
    assert cost.macs(low)[-1] <= min(cost.macs(plan)[-1] for plan in neighbours(space, low))
    assert cost.macs(high)[-1] >= max(cost.macs(plan)[-1] for plan in neighbours(space, high))
