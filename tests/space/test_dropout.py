"""A stage drops by its share of what is dropped: thin stages nothing, the last one as the static network does."""

from collections.abc import Mapping, Sequence

import pytest

from dropping import RATES, dropping
from oracle import Subject, subject
from s2dnas.graph.calls import module_path
from s2dnas.space.division import search_space
from s2dnas.space.dropout import stage_dropout
from s2dnas.space.plan import Plan


@pytest.fixture(scope="module")
def net() -> Subject:
    return subject(dropping)


def rates(net: Subject, shares: Sequence[float]) -> Mapping[str, tuple[float, ...]]:
    """By the name of the module that drops."""
    plan = search_space(net.graph, len(shares), 1).uniform(shares)
    nodes = {node.name: module_path(node) for node in net.graph.traced.graph.nodes}
    return {nodes[name]: found for name, found in stage_dropout(net.graph, plan).items()}


def test_every_kind_of_dropout_is_known(net: Subject) -> None:
    assert rates(net, (0.5, 0.5)).keys() == RATES.keys()
    assert not net.graph.whole


@pytest.mark.parametrize(
    ("shares", "factors"),
    [
        ((0.25, 0.5, 0.25), (0, 0.75, 1)),
        ((0.125, 0.25, 0.625), (0, 0, 1)),
        ((0.5, 0.25, 0.25), (0.5, 0.75, 1)),
        ((0.25, 0.75), (0, 1)),
    ],
)
def test_the_rate_grows_with_the_width_and_is_none_below_half(
    net: Subject, shares: tuple[float, ...], factors: tuple[float, ...]
) -> None:
    found = rates(net, shares)
    for name, rate in RATES.items():
        expected = [1.0] * len(shares) if name == "of_image" else factors
        assert found[name] == pytest.approx([rate * factor for factor in expected]), name


def test_a_network_of_one_stage_drops_as_the_static_one(net: Subject) -> None:
    nodes = {node.name: module_path(node) for node in net.graph.traced.graph.nodes}
    found = stage_dropout(net.graph, Plan(1, {}, {}))
    assert {nodes[name]: rate for name, rate in found.items()} == {name: (rate,) for name, rate in RATES.items()}
