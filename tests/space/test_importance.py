"""Each measure tells the channels that matter from those that do not."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from oracle import tiny
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import ChannelGraph
from s2dnas.graph.trace import trace
from s2dnas.space.importance import by_activation, by_l1, by_norm_scale


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
