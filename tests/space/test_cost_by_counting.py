"""The price of a plan is what counting its connections one by one gives, also for plans that divide only a part."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle import stages_of, tiny
from s2dnas.graph.channels import ChannelGraph, Mixing
from s2dnas.space.cost import CostModel, cost_model
from s2dnas.space.division import search_space
from s2dnas.space.plan import Plan, stage_pairs

NAMES = [
    "residual",
    "inverted_residual",
    "used_in_body_and_tail",
    "split_parts",
    "neighbouring_channels",
    "side_branch",
]


def useful(graph: ChannelGraph, stages: list[int]) -> list[Mixing]:
    """The layers whose later stages the tail reads, at once or through later stages of others."""
    found: list[Mixing] = []
    while new := [
        layer
        for layer in graph.mixing
        if layer not in found
        and (
            layer.in_tail
            or any(
                graph.readers.get(node, frozenset()) & (graph.tail | set(reader.nodes))
                for node in layer.nodes
                for reader in found
                if reader.in_tail or any(stages[unit] for unit in reader.outputs.tolist())
            )
        )
    ]:
        found += new
    return found


def counted(graph: ChannelGraph, plan: Plan) -> list[float]:
    """Multiply-adds of each stage, the earlier ones included: every output reads every input that it may read."""
    stages, pairs = stages_of(graph, plan), stage_pairs(plan.num_stages)
    kept, macs = useful(graph, stages), [0] * plan.num_stages
    for layer in graph.mixing:
        flags = dict(zip(pairs, plan.indicators.get(layer.name, (True,) * len(pairs)), strict=True))
        for stage in range(plan.num_stages):
            if layer.in_tail:
                outputs = len(layer.outputs)
            else:
                outputs = sum(stages[unit] == stage for unit in layer.outputs.tolist())
            if stage and layer not in kept:
                outputs = 0
            inputs = len(layer.inputs) // layer.groups
            if layer.groups == 1:
                read = [i == stage or (i < stage and (layer.in_tail or flags[i, stage])) for i in stages]
                inputs = sum(read[unit] for unit in layer.inputs.tolist())
            macs[stage] += layer.macs_per_weight * outputs * inputs
    for node, cost in graph.whole_macs.items():
        for stage in range(plan.num_stages if node in graph.tail else 1):
            macs[stage] += cost
    return np.cumsum(macs).tolist()


def with_calls_that_are_no_mixing_layers(graph: ChannelGraph) -> ChannelGraph:
    tail, body = min(graph.tail), graph.mixing[0].nodes[0]
    return replace(graph, whole_macs={**graph.whole_macs, tail: 1000, body: 3})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stages", [1, 2, 3])
@given(seed=st.integers(0, 999))
@settings(max_examples=10)
def test_the_price_is_what_counting_gives(name: str, stages: int, seed: int) -> None:
    graph, rng = with_calls_that_are_no_mixing_layers(tiny(name).graph), np.random.default_rng(seed)
    whole = search_space(graph, stages, 1).sample(rng) if stages > 1 else Plan(1, {}, {})
    divided = {coupling: widths for coupling, widths in whole.widths.items() if rng.random() < 0.7}
    flags = {layer: chosen for layer, chosen in whole.indicators.items() if rng.random() < 0.7}
    for plan in (whole, Plan(stages, divided, flags)):
        assert cost_model(graph).macs(plan).tolist() == counted(graph, plan)


def test_the_classifier_reads_all_stages_whatever_a_plan_says_of_it() -> None:
    graph = tiny("vgg").graph
    (classifier,) = [layer.name for layer in graph.mixing if layer.in_tail]
    plan = search_space(graph, 3, 1).uniform()
    silent = Plan(3, plan.widths, {**plan.indicators, classifier: (False,) * 3})
    assert cost_model(graph).macs(silent).tolist() == cost_model(graph).macs(plan).tolist()


def test_channels_that_stay_whole_are_in_stage_one_and_a_single_later_one_counts() -> None:
    """Two layers, 1 + 2 of whose outputs are in the one coupling; the second is the tail's only reader."""
    model = CostModel(
        layers=("a", "b"),
        couplings=("c",),
        sizes=np.array([2.0]),
        outputs=np.array([[1.0], [0.0]]),
        inputs=np.array([[0.0], [1.0]]),
        whole_outputs=np.array([1.0, 1.0]),
        whole_inputs=np.array([3.0, 1.0]),
        per_weight=np.array([10.0, 100.0]),
        every_output=np.array([0.0, 1.0]),
        every_input=np.array([0.0, 0.0]),
        readers=(frozenset({2}), frozenset()),
        first_stage=7.0,
        every_stage=0.5,
    )
    first = 10 * (1 + 1) * 3 + 100 * 1 * (1 + 1) + 7 + 0.5
    second = 10 * 1 * 3 + 100 * 1 * (2 + 1) + 0.5
    assert model.macs(Plan(2, {"c": (1, 1)}, {})).tolist() == [first, first + second]
