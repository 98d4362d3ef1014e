"""Each measure tells the channels that matter from those that do not, and channels that matter come first."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from oracle import tiny
from s2dnas.errors import SettingsError
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import ChannelGraph
from s2dnas.graph.trace import trace
from s2dnas.space.importance import by_activation, by_importance, by_l1, by_norm_scale


def with_values(graph: ChannelGraph, values: dict[str, Tensor]) -> ChannelGraph:
    """The same network with other weights."""
    return replace(graph, traced=replace(graph.traced, values=values))


def test_no_layer_of_a_coupling_dominates() -> None:
    net = tiny("residual")
    graph = analyse_channels(net.graph.traced)
    before = by_l1(graph)
    scaled = dict(net.graph.traced.values)
    scaled["shortcut.0.weight"] = scaled["shortcut.0.weight"] * 1000
    np.testing.assert_allclose(by_l1(with_values(graph, scaled)), before)


def test_a_layer_of_zeros_has_finite_importances() -> None:
    net = tiny("vgg")
    values = {name: torch.zeros_like(value) for name, value in net.graph.traced.values.items()}
    assert np.isfinite(by_l1(with_values(net.graph, values))).all()


def net() -> nn.Sequential:
    """Eight channels, normed, read by a second layer; channel 3 stands out in nothing yet."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(8 * 16, 5)
    ).eval()


def most_important(model: nn.Module, measure: object) -> int:
    """The channel of the first layer that a measure puts first."""
    graph = analyse_channels(trace(model, torch.zeros(1, 3, 8, 8)))
    importance = measure(graph, torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(0)))  # type: ignore[operator]
    (layer,) = [layer for layer in graph.mixing if layer.name == "0"]
    return int(np.argmax(importance[layer.outputs]))


def test_norm_scales_are_read_where_there_are_some() -> None:
    model = net()
    with torch.no_grad():
        model[1].weight[3] = -5.0
    assert most_important(model, by_norm_scale) == 3
    graph = analyse_channels(trace(model, torch.zeros(1, 3, 8, 8)))
    (unnormed,) = [layer for layer in graph.mixing if layer.name == "3"]
    np.testing.assert_allclose(by_norm_scale(graph)[unnormed.outputs], by_l1(graph)[unnormed.outputs])


def test_activations_count_with_the_weights_that_read_them() -> None:
    large, heard, dead = net(), net(), net()
    with torch.no_grad():
        large[1].bias[3] = 50.0  # a large activation ...
        heard[3].weight[:, 3] *= 50  # ... or a small one that the next layer listens to
        dead[1].bias[3] = -50.0  # nothing passes the ReLU, whatever the next layer makes of it
        dead[3].weight[:, 3] *= 50
    assert most_important(large, by_activation) == 3
    assert most_important(heard, by_activation) == 3
    assert most_important(dead, by_activation) != 3


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


def test_an_unknown_importance_is_refused() -> None:
    net = tiny("vgg")
    with pytest.raises(SettingsError, match=r"unknown importance 'l2'.*l1"):
        by_importance(analyse_channels(net.graph.traced), "l2")


def test_an_importance_that_looks_at_images_needs_some() -> None:
    net = tiny("vgg")
    with pytest.raises(SettingsError, match="needs images"):
        by_importance(analyse_channels(net.graph.traced), "activation")
