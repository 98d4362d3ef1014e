"""What is known of a built network is right, and values that do not fit together are refused."""

from dataclasses import replace
from typing import Any

import pytest

from oracle import random_plan, tiny
from s2dnas.errors import SettingsError
from s2dnas.inherit.copies import with_copies
from s2dnas.network.info import NetworkInfo
from s2dnas.space.cost import cost_model
from s2dnas.space.fingerprint import fingerprint
from s2dnas.staged.build import build


def info(name: str = "residual") -> NetworkInfo:
    graph = tiny(name).graph
    plan = random_plan(graph, 3, 1, seed=0)
    assert plan is not None
    return build(graph, plan).info


@pytest.mark.parametrize(("name", "shape"), [("residual", (3, 8, 8)), ("grey", (1, 8, 8))])
def test_a_built_network_knows_what_it_is(name: str, shape: tuple[int, int, int]) -> None:
    graph = tiny(name).graph
    plan = random_plan(graph, 3, 1, seed=0)
    assert plan is not None
    network = build(graph, plan)
    assert network.info == NetworkInfo(
        plan=plan,
        image_shape=shape,
        num_classes=3,
        macs=tuple(cost_model(graph).macs(plan).tolist()),
        static_macs=graph.macs,
        fingerprint=fingerprint(graph, plan),
    )
    assert network.macs == network.info.macs


def test_static_macs_are_those_before_copies() -> None:
    net = tiny("vgg")
    wide = with_copies(net.graph, 0.5, net.images)
    plan = random_plan(wide, 2, 1, seed=0)
    assert plan is not None
    assert build(wide, plan).info.static_macs == net.graph.macs < wide.macs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_shape": (3, 0, 8)}, "image_shape must be three sizes"),
        ({"num_classes": 0}, "num_classes must be at least 1"),
        ({"macs": (1.0, 2.0)}, "macs must be 3 numbers"),
        ({"macs": (1.0, 3.0, 2.0)}, "that do not fall"),
        ({"macs": (1.0, 2.0, float("inf"))}, "macs must be"),
        ({"static_macs": 0}, "static_macs must be at least 1"),
        ({"class_names": ("cat", "dog")}, "class_names must be empty or 3 names"),
        ({"normalisation": ((0.5,), (1.0,))}, "normalisation must be"),
        ({"normalisation": ((0.5, 0.5, 0.5), (1.0, 1.0, 0.0))}, "std above 0"),
        ({"normalisation": ((0.5, 0.5, float("nan")), (1.0, 1.0, 1.0))}, "finite"),
        ({"fingerprint": "0123456789abcdef-0123456789abcdef"}, "fingerprint must be that of plan"),
    ],
)
def test_values_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        replace(info(), **change)
