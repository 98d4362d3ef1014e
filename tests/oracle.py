"""What a plan's networks must agree with, made from the user's own module: ``s2dnas.network`` is not used here."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from nets import NETS
from s2dnas.errors import PlanError
from s2dnas.graph.analysis import analyse
from s2dnas.graph.channels import ChannelGraph
from s2dnas.graph.trace import Traced, trace
from s2dnas.space.division import search_space
from s2dnas.space.order import ordered
from s2dnas.space.plan import Plan, stage_pairs


@dataclass(frozen=True, eq=False)
class Subject:
    """A network under test, captured and analysed; units are ordered, so that parts are not contiguous."""

    model: nn.Module
    images: Tensor
    traced: Traced
    graph: ChannelGraph


def subject(make: Callable[[], tuple[nn.Module, Tensor]]) -> Subject:
    model, images = make()
    traced = trace(model, images)
    return Subject(model, images, traced, ordered(traced, analyse(traced), "l1"))


@cache
def tiny(name: str) -> Subject:
    """The network of that name in ``nets.NETS``, captured once."""
    return subject(NETS[name])


def random_plan(graph: ChannelGraph, num_stages: int, min_width: int, seed: int) -> Plan | None:
    """A plan of the search space, None if it has none."""
    try:
        space = search_space(graph, num_stages, min_width)
    except PlanError:
        return None
    return space.sample(np.random.default_rng(seed))


def stages_of(graph: ChannelGraph, plan: Plan) -> list[int]:
    """The stage of every unit."""
    stages = [0] * graph.num_units
    for coupling in graph.couplings:
        units = iter(coupling.units.tolist())
        for stage, width in enumerate(plan.widths.get(coupling.name, ())):
            for _ in range(width):
                stages[next(units)] = stage
    return stages


def stage_as_static(subject: Subject, plan: Plan, stage: int) -> nn.Module:
    """A copy of the user's module, with forbidden weights zero, whose output are the logits of one stage."""
    model, stages = copy.deepcopy(subject.model), stages_of(subject.graph, plan)
    for layer in subject.graph.mixing:
        if layer.groups > 1:
            continue
        weight = dict(model.named_parameters())[layer.weight]
        flags = dict(zip(stage_pairs(plan.num_stages), plan.indicators.get(layer.name, ()), strict=False))
        with torch.no_grad():
            for column, source in enumerate(layer.inputs.tolist()):
                for row, unit in enumerate(layer.outputs.tolist()):
                    i, j = stages[source], stage if layer.in_tail else stages[unit]
                    if i > j or (i < j and not layer.in_tail and not flags.get((i, j), True)):
                        weight[row, column] = 0
    return model


def error(found: Tensor, expected: Tensor) -> float:
    """The largest deviation, relative to the largest value expected."""
    assert found.shape == expected.shape
    return float((found.detach() - expected.detach()).abs().max() / expected.detach().abs().max())
