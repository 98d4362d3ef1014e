"""What the closed form says that a stage does is what the built stage does when it runs."""

from collections import Counter
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from nets import NETS
from oracle import random_plan, tiny
from s2dnas.errors import ModelError
from s2dnas.graph.channels import ChannelGraph
from s2dnas.profile.fusion import is_view, joins_convolution
from s2dnas.profile.work import StageWork, WorkModel
from s2dnas.space.cost import cost_model
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build

TIMED = sorted(
    {"vgg", "residual", "inverted_residual", "grouped", "used_in_body_and_tail", "side_branch", "split_parts"} & {*NETS}
)


class Ran(TorchDispatchMode):
    """While it is entered: weight shapes of the layers that run, and the elements of what is concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: Counter[tuple[int, ...]] = Counter()
        self.joined = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func._schema.name
        if name in ("aten::convolution", "aten::_convolution", "aten::convolution_overrideable"):
            self.layers[tuple(args[1].shape)] += 1
        elif name == "aten::addmm":
            self.layers[tuple(args[2].T.shape)] += 1
        elif name == "aten::cat" and result.ndim == 4:
            self.joined += result.numel()
        return result


def what_runs(graph: ChannelGraph, plan: Plan, image: Tensor) -> list[Ran]:
    """What each built stage does for one image."""
    network, carry = build(graph, plan), ()
    found = []
    for index in range(plan.num_stages):
        with Ran() as ran, torch.no_grad():
            _, carry = network.stage(index, image, carry)
        found.append(ran)
    return found


def weight_shapes(work: StageWork) -> Counter[tuple[int, ...]]:
    return Counter(
        (outputs, inputs if kernel.group is None else kernel.group[0], *kernel.window)
        for kernel, inputs, outputs in work.layers
    )


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("seed", range(3))
def test_the_layers_of_each_stage_are_those_that_run(name: str, seed: int) -> None:
    net = tiny(name)
    plan = random_plan(net.graph, 2 + seed % 2, 1, seed)
    assert plan is not None
    works = WorkModel(net.graph, joins_convolution).of(plan)
    for work, ran in zip(works, what_runs(net.graph, plan, net.images[:1]), strict=True):
        assert weight_shapes(work) == ran.layers
        assert work.weights == sum(prod(shape) * count for shape, count in ran.layers.items())


@pytest.mark.parametrize("name", ["vgg", "residual", "inverted_residual"])
def test_what_is_joined_is_what_the_stages_concatenate(name: str) -> None:
    """Equal concatenations are made once by an engine, so a stage may run more of them than are counted."""
    net = tiny(name)
    for seed in range(4):
        plan = random_plan(net.graph, 3, 1, seed)
        assert plan is not None
        works = WorkModel(net.graph, joins_convolution).of(plan)
        for work, ran in zip(works, what_runs(net.graph, plan, net.images[:1]), strict=True):
            assert work.joined <= ran.joined
            assert (work.joined > 0) == (ran.joined > 0)
            if name == "vgg":
                assert work.joined == ran.joined


@pytest.mark.parametrize("name", TIMED)
def test_layers_add_up_to_the_macs_of_the_cost_model(name: str) -> None:
    graph = tiny(name).graph
    plan = random_plan(graph, 2, 1, 0)
    assert plan is not None
    for model_plan in (plan, Plan(1, {}, {})):
        works = WorkModel(graph, joins_convolution).of(model_plan)
        spent = [sum(kernel.macs(i, o) for kernel, i, o in work.layers) for work in works]
        assert np.cumsum(spent).tolist() == cost_model(graph).macs(model_plan).tolist()


def test_the_static_network_hands_nothing_on() -> None:
    static = WorkModel(tiny("residual").graph, joins_convolution).static()
    assert (static.joined, static.reordered) == (0, 0)


def test_an_engine_that_fuses_nothing_has_more_calls() -> None:
    graph = tiny("residual").graph
    fused, eager = (WorkModel(graph, rule).static() for rule in (joins_convolution, is_view))
    assert fused.layers == eager.layers
    assert fused.calls < eager.calls
    assert fused.touched < eager.touched


def test_what_is_read_by_a_later_stage_changes_its_layout_twice() -> None:
    """One coupling, both stages: the first gives its part, the second takes it beside its own."""
    graph = tiny("vgg").graph
    space_plan = random_plan(graph, 2, 1, 0)
    assert space_plan is not None
    apart, together = (
        Plan(2, space_plan.widths, dict.fromkeys(space_plan.indicators, (flag,))) for flag in (False, True)
    )
    model = WorkModel(graph, joins_convolution)
    for lonely, reading in zip(model.of(apart), model.of(together), strict=True):
        assert lonely.reordered <= reading.reordered
    assert sum(work.joined for work in model.of(apart)) < sum(work.joined for work in model.of(together))


def test_transposed_convolutions_are_refused() -> None:
    name = next(name for name in NETS if "transposed" in name)
    with pytest.raises(ModelError, match="not measured"):
        WorkModel(tiny(name).graph, joins_convolution)
