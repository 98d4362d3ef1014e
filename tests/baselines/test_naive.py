"""Equal shares without a search, and copies that share nothing."""

from functools import cache

import pytest
import torch
from torch import Tensor

from s2dnas.baselines.joint_loss import JointLoss
from s2dnas.baselines.naive import CascadeSettings, cascade
from s2dnas.errors import SettingsError
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import ChannelGraph
from s2dnas.graph.trace import trace
from s2dnas.models.resnet import ResNet


@cache
def captured() -> tuple[ResNet, ChannelGraph, Tensor]:
    model = ResNet(1, 3).double().eval()
    graph = analyse_channels(trace(model, torch.zeros(1, 3, 16, 16, dtype=torch.float64)))
    return model, graph, torch.randn(4, 3, 16, 16, dtype=torch.float64)


def test_the_copy_of_full_width_is_the_static_network() -> None:
    model, graph, images = captured()
    net = cascade(graph, CascadeSettings())
    with torch.no_grad():
        torch.testing.assert_close(net(images)[-1], model(images), rtol=0, atol=1e-9)


def test_a_copy_of_half_the_width_costs_a_quarter_and_all_copies_are_paid() -> None:
    _, graph, _ = captured()
    slim, both = cascade(graph, CascadeSettings(widths=(0.5, 1.0))).macs
    assert slim == pytest.approx(graph.macs / 4, rel=0.05)
    assert both == slim + graph.macs


def test_training_the_copies_together_trains_each_as_if_it_were_alone() -> None:
    _, graph, images = captured()
    labels = torch.arange(4) % 3
    net = cascade(graph, CascadeSettings(widths=(0.5, 1.0))).train()
    JointLoss()(net, images, labels).backward()
    alone = cascade(graph, CascadeSettings(widths=(0.5, 1.0))).train()
    logits, _ = alone.stage(0, images, ())
    torch.nn.functional.cross_entropy(logits, labels).backward()
    together = dict(net.stages[0].named_parameters())
    for name, parameter in alone.stages[0].named_parameters():
        torch.testing.assert_close(together[name].grad, parameter.grad)


@pytest.mark.parametrize("widths", [(1.0,), (0.5, 0.5), (0.0, 1.0), (0.5, 1.2)])
def test_widths_must_rise_to_at_most_one(widths: tuple[float, ...]) -> None:
    with pytest.raises(SettingsError, match="widths must be at least 2 rising shares"):
        CascadeSettings(widths=widths)
