"""The features that are noted are those that the network's layers read."""

import pytest
import torch

from oracle import random_plan, tiny
from s2dnas.masked.features import Features
from s2dnas.masked.mode import Mode
from s2dnas.masked.shared import SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.space.plan import Plan


def noted(name: str, leak: float) -> dict[str, torch.Tensor]:
    """What the layers of a plan's network read in one pass."""
    net = tiny(name)
    plan = random_plan(net.graph, 2, 1, seed=0)
    assert plan is not None
    features = Features(net.graph)
    SharedNet(net.graph, static_weights(net.graph, 2)).at(plan).eval()(net.images, Mode(leak=leak, observer=features))
    return features.noted


@pytest.mark.parametrize("name", ["residual", "vgg_bn", "inverted_residual", "dense"])
def test_a_plan_changes_features_and_what_lets_all_through_has_the_static_ones(name: str) -> None:
    net = tiny(name)
    read: list[torch.Tensor] = []
    layers = [module for module in net.model.modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
    hooks = [layer.register_forward_pre_hook(lambda _, given: read.append(given[0])) for layer in layers]
    net.model(net.images)
    for hook in hooks:
        hook.remove()
    static = noted(name, leak=1.0)
    assert static
    assert all(any(torch.equal(value, seen) for seen in read) for value in static.values())
    of_plan = noted(name, leak=0.0)
    assert of_plan.keys() == static.keys()
    assert any(not torch.equal(value, static[key]) for key, value in of_plan.items())


def test_an_observer_hears_of_its_own_pass_only() -> None:
    net = tiny("residual")
    masked = SharedNet(net.graph, static_weights(net.graph, 1)).at(Plan(1, {}, {})).eval()
    features = Features(net.graph)
    masked(net.images, Mode(observer=features))
    before = dict(features.noted)
    assert before
    masked(2 * net.images)
    assert all(torch.equal(value, before[name]) for name, value in features.noted.items())
