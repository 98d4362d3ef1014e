"""The features that are noted are those that the network's layers read."""

import pytest
import torch

from oracle import random_plan, tiny
from s2dnas.masked.features import Features
from s2dnas.masked.shared import MaskedNet, SharedNet
from s2dnas.network.weights import static_weights


def masked(name: str, keep: float) -> MaskedNet:
    net = tiny(name)
    plan = random_plan(net.graph, 2, 1, seed=0)
    assert plan is not None
    made = SharedNet(net.graph, static_weights(net.graph, 2)).at(plan).eval()
    made.keep, made.before = keep, Features(net.graph)
    return made


def noted(net: MaskedNet, images: torch.Tensor) -> dict[str, torch.Tensor]:
    net(images)
    assert isinstance(net.before, Features)
    return net.before.take()


@pytest.mark.parametrize("name", ["residual", "vgg_bn", "inverted_residual", "dense"])
def test_a_plan_changes_features_and_what_lets_all_through_has_the_static_ones(name: str) -> None:
    net = tiny(name)
    read: list[torch.Tensor] = []
    layers = [module for module in net.model.modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
    hooks = [layer.register_forward_pre_hook(lambda _, given: read.append(given[0])) for layer in layers]
    net.model(net.images)
    for hook in hooks:
        hook.remove()
    static = noted(masked(name, keep=1.0), net.images)
    assert static
    assert all(any(torch.equal(value, seen) for seen in read) for value in static.values())
    of_plan = noted(masked(name, keep=0.0), net.images)
    assert of_plan.keys() == static.keys()
    assert any(not torch.equal(value, static[key]) for key, value in of_plan.items())


def test_what_was_taken_is_not_taken_again() -> None:
    net = masked("residual", keep=0.0)
    assert noted(net, tiny("residual").images)
    assert isinstance(net.before, Features)
    assert not net.before.take()
