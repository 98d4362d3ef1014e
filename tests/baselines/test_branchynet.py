"""Any network can be cut where everything passes through one feature map, and get branches there."""

from functools import cache

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nets import NETS, Calls, conv_bn, pooled
from s2dnas.baselines.branchynet import BranchynetSettings, branchynet
from s2dnas.baselines.cutting import at_depths, cut_points
from s2dnas.errors import ModelError, SettingsError
from s2dnas.graph.trace import trace
from s2dnas.graph.traced import Traced
from s2dnas.models.registry import create_model

TROUBLES = ("dense", "in_place", "inverted_residual", "layer_scale", "computed_weight", "sizes", "samples_aside")


@cache
def resnet20() -> Traced:
    return trace(create_model("resnet20", 10), torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize("name", TROUBLES)
def test_the_last_exit_is_the_static_network(name: str) -> None:
    model, images = NETS[name]()
    traced = trace(model, images)
    branches = min(2, len(cut_points(traced)))
    net = branchynet(traced, BranchynetSettings(branches=branches, channels=2)).eval()
    with torch.no_grad():
        logits = net(images)
        torch.testing.assert_close(logits[-1], model(images), rtol=0, atol=1e-9)
    assert logits.shape == (branches + 1, len(images), 3)


def test_a_residual_network_is_cut_between_its_blocks_alone() -> None:
    traced = resnet20()
    points = cut_points(traced)
    assert len(points) == 10  # behind the stem and every block
    assert [point.channels for point in points] == [16] * 4 + [32] * 3 + [64] * 3


def test_branches_stand_where_they_are_wanted() -> None:
    traced = resnet20()
    assert [point.depth for point in at_depths(traced, (1 / 3, 2 / 3))] == pytest.approx([1 / 3, 2 / 3], abs=0.06)
    assert [point.depth for point in at_depths(traced, (0.01, 0.02, 0.03))] == [p.depth for p in cut_points(traced)[:3]]
    assert at_depths(traced, (0.9, 0.95, 0.97, 0.99))[-4:] == cut_points(traced)[-4:]


def test_depths_are_shares_of_the_macs() -> None:
    stem, conv = 16 * 27 * 1024, 16 * 9 * 16 * 1024
    static = stem + 6 * conv + 2 * (conv / 2 + 5 * conv) + 640
    expected = [stem / static, (stem + 2 * conv) / static]
    assert [point.depth for point in cut_points(resnet20())[:2]] == pytest.approx(expected)


def test_a_value_that_is_read_twice_later_is_no_cut_unless_it_stands_alone() -> None:
    def forward(m: Calls, x: Tensor) -> Tensor:
        stem = F.relu(m.stem(x))
        return m.fc(pooled(m.b(m.a(stem)) + stem))

    layers = {"stem": conv_bn(3, 4), "a": conv_bn(4, 5), "b": conv_bn(5, 4), "fc": nn.Linear(4, 3)}
    points = cut_points(trace(Calls(forward, **layers).eval(), torch.zeros(1, 3, 8, 8)))
    assert [point.name for point in points] == ["relu", "adaptive_avg_pool2d"]


def test_earlier_branches_are_deeper_and_weights_are_copies() -> None:
    traced = resnet20()
    net = branchynet(traced, BranchynetSettings())
    convs = [sum(isinstance(m, nn.Conv2d) for m in stage.modules()) for stage in net.stages]
    assert convs[:2] == [2, 1]
    with torch.no_grad():
        net.stages[0].get_parameter("trunk.conv1.weight").zero_()
    assert traced.values["conv1.weight"].any()


def test_too_many_branches_are_refused() -> None:
    with pytest.raises(ModelError, match="30 branches need as many feature maps"):
        branchynet(resnet20(), BranchynetSettings(branches=30))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"depths": (0.5, 0.4)}, "depths must be rising shares"),
        ({"depths": (0.0, 0.4)}, "depths must be rising shares"),
        ({"branches": 0}, "branches must be at least 1"),
        ({"convs": 0, "channels": 0}, "convs must be at least 1, not 0; channels must be at least 1"),
        ({"alpha": (1.0, 1.0)}, "alpha must be empty or 3 weights"),
    ],
)
def test_settings_out_of_range_are_named(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        BranchynetSettings(**wrong)
