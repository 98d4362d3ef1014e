"""Channels that weigh most come first."""

import numpy as np
import pytest

from oracle import tiny
from s2dnas.errors import SettingsError
from s2dnas.graph.analysis import analyse_channels
from s2dnas.space.order import by_importance


def test_units_are_sorted_by_the_norm_of_their_weights() -> None:
    net = tiny("vgg")
    graph = by_importance(analyse_channels(net.graph.traced), "l1")
    norms = net.model.get_parameter("0.weight").detach().abs().flatten(1).sum(1)
    (coupling,) = [coupling for coupling in graph.couplings if coupling.name == "0"]
    (layer,) = [layer for layer in graph.mixing if layer.name == "0"]
    by_unit = dict(zip(layer.outputs.tolist(), norms.tolist(), strict=True))
    found = [by_unit[unit] for unit in coupling.units.tolist()]
    assert found == sorted(norms.tolist(), reverse=True)


def test_the_networks_own_order_is_kept_on_demand() -> None:
    net = tiny("vgg")
    graph = analyse_channels(net.graph.traced)
    same = by_importance(graph, "none")
    assert all(np.array_equal(a.units, b.units) for a, b in zip(graph.couplings, same.couplings, strict=True))
    assert all(np.array_equal(c.units, np.sort(c.units)) for c in same.couplings)


def test_ordering_changes_order_only() -> None:
    net = tiny("inverted_residual")
    graph = analyse_channels(net.graph.traced)
    for before, after in zip(graph.couplings, by_importance(graph).couplings, strict=True):
        assert sorted(before.units.tolist()) == sorted(after.units.tolist())
        assert (before.name, before.outputs) == (after.name, after.outputs)


def test_an_unknown_order_is_refused() -> None:
    net = tiny("vgg")
    with pytest.raises(SettingsError, match=r"unknown order 'l2'.*l1"):
        by_importance(analyse_channels(net.graph.traced), "l2")


def test_an_order_that_looks_at_images_needs_some() -> None:
    net = tiny("vgg")
    with pytest.raises(SettingsError, match="needs images"):
        by_importance(analyse_channels(net.graph.traced), "activation")
