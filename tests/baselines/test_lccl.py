"""Gates beside the convolutions of a ResNet: where they stand, what they save, and how that is counted."""

import numpy as np
import pytest
import torch
from torch import nn

from s2dnas.baselines.lccl import LcclSettings, lccl
from s2dnas.baselines.sparse_conv import sparse_conv
from s2dnas.errors import ModelError, SettingsError
from s2dnas.exits import Outcomes
from s2dnas.models.registry import create_model
from s2dnas.models.resnet import ResNet
from s2dnas.training.label_loss import LabelLoss

IMAGE = (3, 8, 8)


def test_without_gates_it_costs_what_the_static_network_costs() -> None:
    net = lccl(create_model("resnet20", 10), LcclSettings())
    assert net.static_macs == pytest.approx(40.55e6, rel=1e-3)
    gates = 1024 * 16 * 6 + 256 * (16 + 32 * 5) + 64 * (32 + 64 * 5)  # one output channel at each position
    stem_and_head = 16 * 27 * 1024 + 640
    assert net.macs_bounds == (stem_and_head + gates, net.static_macs + gates)
    assert net.gated_macs == net.static_macs - stem_and_head


@pytest.mark.parametrize("stride", [1, 2])
def test_a_sparse_convolution_is_a_convolution_where_it_is_active(stride: int) -> None:
    conv = nn.Conv2d(3, 5, 3, stride, 1, bias=False)
    x = torch.randn(2, 3, 7, 6)
    with torch.no_grad():
        whole = conv(x)
        active = torch.rand(whole[:, 0].shape) < 0.4
        torch.testing.assert_close(sparse_conv(x, conv, active), whole * active[:, None])
        assert not sparse_conv(x, conv, torch.zeros_like(active)).any()


def test_all_layers_are_in_the_denominator_and_the_reference_counts_the_gated_ones() -> None:
    net = lccl(ResNet(1, 3), LcclSettings(), IMAGE)
    least, most = net.macs_bounds
    zeros = np.zeros(2, dtype=np.int64)
    half = net.accounts(Outcomes(zeros, zeros, np.array([least, most]), zeros, 1))
    gates = most - net.static_macs
    assert half["zero_fraction"] == pytest.approx(0.5)
    assert half["saved_of_gated_layers"] == pytest.approx((0.5 * net.gated_macs - gates) / net.gated_macs)
    assert half["saved_of_all_layers"] == pytest.approx((0.5 * net.gated_macs - gates) / net.static_macs)


def test_closed_gates_leave_the_shortcuts() -> None:
    net = lccl(ResNet(1, 3), LcclSettings(), IMAGE)
    for name, module in net.named_modules():
        if name.endswith("gate.1"):
            nn.init.constant_(module.bias, -100.0)
    with torch.no_grad():
        answer = net.run(torch.randn(2, *IMAGE), skip=True)
    assert answer.macs.tolist() == [net.macs_bounds[0]] * 2


@pytest.mark.parametrize("gate", ["relu", "hardtanh"])
def test_it_learns_and_gradients_reach_every_parameter(gate: str) -> None:
    torch.manual_seed(0)
    net = lccl(ResNet(1, 3), LcclSettings(gate=gate), IMAGE).train()
    images, labels = torch.randn(8, *IMAGE), torch.arange(8) % 3
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = LabelLoss()(net, images, labels)
        loss.backward()
        if not losses:
            assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


def test_other_families_are_refused() -> None:
    with pytest.raises(ModelError, match=r"pre-activation ResNets, and MobileNetV2 is no ResNet"):
        lccl(create_model("mobilenet_v2", 10), LcclSettings())


def test_an_unknown_gate_is_refused() -> None:
    with pytest.raises(SettingsError, match="gate must be 'relu' or 'hardtanh', not tanh"):
        LcclSettings(gate="tanh")
