"""A description agrees with what a counter and the network itself say."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from oracle import tiny
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.describe import Description, describe
from s2dnas.graph.trace import trace
from s2dnas.models.resnet import resnet20


class Mixed(nn.Module):
    """Two divisible layers around one that an operator without a rule keeps whole; the weight of ``free`` is shared."""

    def __init__(self) -> None:
        super().__init__()
        self.free = nn.Conv2d(3, 6, 3, padding=1)
        self.again = self.free
        self.held = nn.Conv2d(6, 4, 1)
        self.last = nn.Conv2d(4, 8, 1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.held(self.again(x).relu()).cumsum(1)
        return self.fc(self.last(x).relu().mean((2, 3)))


def described(model: nn.Module, size: int) -> Description:
    traced = trace(model, torch.randn(1, 3, size, size))
    return describe(analyse_channels(traced))


def counted_macs(model: nn.Module, size: int) -> int:
    with FlopCounterMode(display=False) as counter:
        model(torch.randn(1, 3, size, size))
    return int(counter.get_total_flops()) // 2


def test_sizes_are_those_of_the_network() -> None:
    model = Mixed()
    found = described(model, 4)
    assert found.macs == counted_macs(model, 4)
    assert found.params == sum(parameter.numel() for parameter in model.parameters())
    assert (found.image_shape, found.num_classes) == ((3, 4, 4), 5)


@pytest.mark.parametrize("name", ["computed_weight", "transposed", "wide_groups"])
def test_weights_that_are_made_of_others_count_once(name: str) -> None:
    subject = tiny(name)
    own = sum(parameter.numel() for parameter in subject.model.parameters())
    assert describe(subject.graph).params == own


def test_layers_list_channels_and_macs() -> None:
    layers = {layer.name: layer for layer in described(Mixed(), 4).layers}
    assert (layers["held"].inputs, layers["held"].outputs, layers["held"].macs) == (6, 4, 6 * 4 * 16)
    assert [layer.name for layer in layers.values() if layer.in_tail] == ["fc"]


def test_the_divisible_share_leaves_out_what_stays_whole() -> None:
    free, held, last, fc = 3 * 6 * 9 * 16, 6 * 4 * 16, 4 * 8 * 16, 8 * 5
    assert described(Mixed(), 4).divisible_share == pytest.approx((free + last + fc) / (free + held + last + fc))


def test_what_stays_whole_is_listed_with_its_reason() -> None:
    found = described(Mixed(), 4)
    assert [(whole.operator, whole.reason) for whole in found.whole] == [("aten.cumsum", "no rule for this operator")]
    assert [coupling.units for coupling in found.couplings] == [6, 8]


def test_what_stays_whole_names_the_line_of_the_networks_own_code() -> None:
    (whole,) = described(Mixed(), 4).whole
    path, _, line = whole.line.rpartition(":")
    assert Path(path) == Path(__file__)
    assert ".cumsum(1)" in Path(__file__).read_text().splitlines()[int(line) - 1]


def test_a_residual_network_is_divisible_throughout() -> None:
    model = resnet20(10).eval()
    found = described(model, 32)
    assert found.macs == counted_macs(model, 32) == sum(layer.macs for layer in found.layers)
    assert found.divisible_share == 1
    assert not found.whole
    streams = {coupling.name: coupling for coupling in found.couplings if len(coupling.layers) > 1}
    assert {name: coupling.units for name, coupling in streams.items()} == {
        "conv1": 16,
        "layer2.0.conv2": 16,
        "layer3.0.conv2": 32,
    }
    assert set(streams["layer3.0.conv2"].layers) == {f"layer3.{block}.conv2" for block in range(3)}


def test_json_gives_back_what_was_described() -> None:
    content = described(Mixed(), 4).to_dict()
    assert json.loads(json.dumps(content)) == content
    (whole,) = content["whole"]
    assert (whole["module"], whole["operator"], whole["reason"]) == ("", "aten.cumsum", "no rule for this operator")
    assert content["couplings"][1] == {"name": "last", "units": 8, "channels_per_unit": 1, "layers": ["last"]}
