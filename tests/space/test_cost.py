"""The price of a plan, by hand and by its properties. That it equals a counter: tests/network/test_stages.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets import NETS
from oracle import random_plan, tiny
from s2dnas.space.cost import cost_model
from s2dnas.space.plan import Plan


def test_by_hand() -> None:
    """vgg: 3 -> 6 on 8x8, 6 -> 8 on 4x4, 8 x 2x2 = 32 -> 10 -> 7 -> 3."""
    graph = tiny("vgg").graph
    widths = {"0": (2, 4), "3": (3, 5), "7": (6, 4), "9": (1, 6)}
    on = cost_model(graph).macs(Plan(2, widths, {"3": (True,), "7": (True,), "9": (True,)}))
    first = 3 * 2 * 9 * 64 + 2 * 3 * 9 * 16 + 12 * 6 + 6 * 1 + 1 * 3
    second = 3 * 4 * 9 * 64 + 6 * 5 * 9 * 16 + 32 * 4 + 10 * 6 + 7 * 3
    assert on.tolist() == [first, first + second]
    off = cost_model(graph).macs(Plan(2, widths, {"3": (False,), "7": (True,), "9": (False,)}))
    assert (on - off).tolist() == [0, 2 * 5 * 9 * 16 + 6 * 6]


@pytest.mark.parametrize("name", NETS)
@given(seed=st.integers(0, 99))
@settings(max_examples=3)
def test_indicators_only_save_and_a_stage_costs_something(name: str, seed: int) -> None:
    graph = tiny(name).graph
    plan = random_plan(graph, 2, 1, seed)
    assert plan is not None
    model = cost_model(graph)
    macs = model.macs(plan)
    everything = model.macs(Plan(2, plan.widths, {}))
    assert (np.diff(macs) > 0).all()
    assert macs[0] == everything[0] <= graph.macs
    assert macs[-1] <= everything[-1]


def test_a_coupling_that_the_plan_does_not_divide_costs_in_stage_one() -> None:
    graph = tiny("vgg").graph
    classifier = 7 * 3
    expected = [graph.macs + later * classifier for later in range(3)]
    assert cost_model(graph).macs(Plan(3, {}, {})).tolist() == expected


def test_calls_that_are_no_mixing_layers_cost_in_stage_one() -> None:
    graph = tiny("neighbouring_channels").graph
    assert sum(graph.whole_macs.values()) == 3 * 7
    assert cost_model(graph).macs(Plan(1, {}, {})).tolist() == [graph.macs]
