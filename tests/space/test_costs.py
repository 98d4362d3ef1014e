"""A cost is a number per stage in some unit; multiply-adds are one."""

import numpy as np
import pytest

from oracle import tiny
from s2dnas.errors import SettingsError
from s2dnas.space.cost import cost_model
from s2dnas.space.costs import Cost, mac_cost
from s2dnas.space.division import search_space

GRAPH = tiny("vgg").graph


def test_macs_are_a_cost() -> None:
    cost, plan = mac_cost(GRAPH), search_space(GRAPH, 2, 1).uniform()
    assert (cost.unit, cost.static) == ("macs", GRAPH.macs)
    assert cost.of(plan).tolist() == cost_model(GRAPH).macs(plan).tolist()
    assert cost.shares(plan) == pytest.approx(cost.of(plan) / GRAPH.macs)


@pytest.mark.parametrize("static", [0.0, -1.0, float("nan"), float("inf")])
def test_a_static_network_must_cost_something(static: float) -> None:
    with pytest.raises(SettingsError, match="must cost something"):
        Cost("mJ", static, lambda _: np.array([1.0]))
