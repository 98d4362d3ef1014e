"""The static networks of the field, divided: the oracle agrees."""

from functools import cache

import numpy as np
import pytest
import torch

from oracle import Subject, error, stage_as_static, subject
from s2dnas.masked.shared import SharedNet
from s2dnas.models.registry import MODELS
from s2dnas.network.weights import static_weights
from s2dnas.space.division import search_space
from s2dnas.staged.build import build

pytestmark = pytest.mark.slow


@cache
def zoo(name: str) -> Subject:
    torch.manual_seed(0)
    model = MODELS[name](10, 3).double().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return subject(lambda: (model, torch.randn(2, 3, 32, 32, dtype=torch.float64)))


@pytest.mark.parametrize("name", ["resnet20", "resnet56", "vgg16_bn", "mobilenet_v2"])
@pytest.mark.parametrize("seed", [0, 1])
def test_built_and_shared_agree(name: str, seed: int) -> None:
    net = zoo(name)
    plan = search_space(net.graph, 3, 8).sample(np.random.default_rng(seed))
    shared = SharedNet(net.graph, static_weights(net.graph, 3)).eval()
    built = build(net.graph, plan)
    with torch.no_grad():
        logits = built(net.images)
        assert error(shared(net.images, plan), logits) < 1e-9
        assert error(shared(net.images, plan, leak=1.0)[1], net.model(net.images)) < 1e-9
    assert not net.graph.whole


def test_a_residual_network_equals_its_module_with_zeroed_weights() -> None:
    net = zoo("resnet20")
    plan = search_space(net.graph, 3, 4).sample(np.random.default_rng(0))
    built = build(net.graph, plan)
    with torch.no_grad():
        for stage, logits in enumerate(built(net.images)):
            assert error(logits, stage_as_static(net, plan, stage)(net.images)) < 1e-9
