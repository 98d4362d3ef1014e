"""Which channels are split together, which stay whole and why, and what the classifier of a stage is."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nets import NETS, Calls, conv_bn, pooled
from oracle import random_plan, tiny
from s2dnas.graph import ops
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import ChannelGraph
from s2dnas.graph.trace import trace


def couplings(name: str) -> dict[str, tuple[int, set[str]]]:
    return {c.name: (len(c.units), set(c.layers)) for c in tiny(name).graph.couplings}


def whole(graph: ChannelGraph) -> set[tuple[str, str, str]]:
    return {(entry.module, entry.operator, entry.reason) for entry in graph.whole}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vgg", {"0": (6, {"0"}), "3": (8, {"3"}), "7": (10, {"7"}), "9": (7, {"9"})}),
        (
            "residual",
            {
                "stem.0": (6, {"stem.0"}),
                "a.0": (5, {"a.0"}),
                "b.0": (8, {"b.0", "shortcut.0", "d.0"}),
                "c.0": (7, {"c.0"}),
            },
        ),
        (
            "inverted_residual",
            {
                "stem.0": (6, {"stem.0"}),
                "first.0": (5, {"first.0", "narrow.0"}),
                "widen.0": (15, {"widen.0", "depthwise.0"}),
                "last.0": (9, {"last.0"}),
            },
        ),
        ("squeeze_excite_conv", {"stem.0": (8, {"stem.0", "up"}), "down": (4, {"down"}), "last.0": (6, {"last.0"})}),
        ("depthwise_image", {"depthwise": (3, {"depthwise"}), "mix.0": (8, {"mix.0"})}),
        ("grouped", {"stem.0": (6, {"stem.0", "out.0"}), "into.0": (4, {"into.0", "grouped.0"})}),
        ("gated", {"stem.0": (6, {"stem.0"}), "wide.0": (7, {"wide.0"}), "last.0": (6, {"last.0"})}),
        ("used_twice", {"stem.0": (7, {"stem.0", "body.0"})}),
        ("group_norm", {"0": (4, {"0"}), "3": (3, {"3"})}),
        ("layer_norm", {"stem": (6, {"stem", "depthwise", "narrow"}), "wide": (9, {"wide"})}),
        ("computed_weight", {"a.0": (6, {"a.0"}), "b": (7, {"b"}), "c.0": (8, {"c.0"})}),
        ("samples_aside", {"stem.0": (6, {"stem.0", "rows"}), "a.0": (8, {"a.0"}), "b.0": (7, {"b.0"})}),
        (
            "channel_shuffle",
            {
                "stem.0#1": (5, {"stem.0"}),
                "stem.0#2": (5, {"stem.0"}),
                "branch.0": (5, {"branch.0"}),
                "last.0": (6, {"last.0"}),
            },
        ),
        (
            "selective_kernels",
            {
                "stem.0": (7, {"stem.0"}),
                "a.0": (6, {"a.0", "b.0", "up"}),
                "down": (4, {"down"}),
                "last.0": (8, {"last.0"}),
            },
        ),
        (
            "attention",
            {
                "stem.0": (6, {"stem.0", "proj", "proj2"}),
                "qkv": (3, {"qkv"}),
                "qkv2": (3, {"qkv2"}),
                "last": (7, {"last"}),
            },
        ),
        ("global_context", {"stem.0": (7, {"stem.0", "up"}), "down": (4, {"down"}), "last.0": (8, {"last.0"})}),
        ("conv_head", {"0": (6, {"0"}), "3": (8, {"3"})}),
        ("shapes_given_back", {"stem.0": (6, {"stem.0"}), "rows": (7, {"rows"})}),
        ("transposed", {"stem.0": (6, {"stem.0"}), "up": (8, {"up", "smooth"}), "last.0": (7, {"last.0"})}),
        (
            "inner_results",
            {
                "first.fine.0": (6, {"first.fine.0"}),
                "first.coarse.0": (7, {"first.coarse.0"}),
                "second.fine.0": (6, {"second.fine.0", "side.0"}),
                "second.coarse.0": (7, {"second.coarse.0"}),
            },
        ),
    ],
)
def test_couplings(name: str, expected: dict[str, tuple[int, set[str]]]) -> None:
    assert couplings(name) == expected
    assert not tiny(name).graph.whole


def test_wide_groups_are_divided_inside() -> None:
    found = couplings("wide_groups")
    parts = {"grouped.weight_folded", "grouped.weight_folded1"}
    assert found["grouped.weight_folded"] == (32, parts | {"up"})
    assert found["stem.0#1"] == found["stem.0#2"] == (32, {"stem.0"})


def test_padding_joins_what_it_is_added_to() -> None:
    """Three channels beside the shortcut's six, two before and three after: the sum is one stream, in two couplings."""
    found = couplings("padded_shortcut")
    assert found["stem.0"] == (6, {"stem.0", "b.0"})
    assert found["b.0"] == (5, {"b.0"})


def test_channels_per_unit() -> None:
    by_name = {coupling.name: coupling for coupling in tiny("grouped").graph.couplings}
    assert by_name["into.0"].outputs == {"into.0": 2, "grouped.0": 4}
    assert by_name["into.0"].channels_per_unit == 2
    assert {c.name: c.channels_per_unit for c in tiny("gated").graph.couplings}["wide.0"] == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("running_sum", {("", "aten.cumsum", "no rule for this operator")}),
        ("channels_beside_samples", {("", "aten.reshape", "its channels lie along the axis of the samples")}),
        (
            "weight_per_sample",
            {
                ("", "aten.reshape", "its channels lie along the axis of the samples"),
                ("", "aten.conv2d", "the samples of its result cannot be told apart"),
            },
        ),
        (
            "neighbouring_channels",
            {
                (
                    "gate",
                    "aten.conv1d",
                    "each of its results needs several channels, since they do not lie along axis 1 of its input",
                )
            },
        ),
    ],
)
def test_what_stays_whole_is_listed_with_module_operator_and_reason(name: str, expected: set[str]) -> None:
    assert whole(tiny(name).graph) == expected


def broken(walk: object, node: object) -> Any:  # noqa: ARG001
    raise IndexError("of nothing")


@pytest.mark.parametrize(
    ("rule", "reason"), [(broken, "its rule raised IndexError: of nothing"), (ops.whole, "the rule for this operator")]
)
def test_a_rule_that_raises_or_refuses_keeps_its_channels_whole(
    rule: ops.Rule, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ops.RULES, "aten.max_pool2d", rule)
    subject = tiny("used_twice")
    graph = analyse_channels(subject.graph.traced)
    (whole,) = graph.whole
    assert (whole.module, whole.operator) == ("", "aten.max_pool2d")
    assert whole.reason.startswith(reason)
    plan = random_plan(graph, 2, 1, seed=0)
    assert plan is None


def test_a_mixing_layer_whose_rule_raises_late_is_no_mixing_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(walk: Any, node: Any) -> Any:
        ops.convolution(walk, node)
        raise IndexError("of nothing")

    monkeypatch.setitem(ops.RULES, "aten.conv2d", late)
    graph = analyse_channels(tiny("vgg").graph.traced)
    assert [layer.name for layer in graph.mixing] == ["7", "9", "11"]
    assert [whole.module for whole in graph.whole] == ["0", "3"]


def test_what_an_unknown_operator_reads_is_in_no_coupling() -> None:
    assert couplings("running_sum").keys() == {"a.0", "c.0", "d.0"}
    assert couplings("neighbouring_channels").keys() == {"last.0"}


def test_what_reads_all_channels_at_once_is_cumulative_along_their_axis() -> None:
    assert list(tiny("channel_softmax").graph.cumulative.values()) == [1]
    assert list(tiny("layer_norm").graph.cumulative.values()) == [3, 3, 1, 1]
    assert not tiny("selective_kernels").graph.cumulative


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("vgg", ["11"]),
        ("conv_head", ["7"]),
        ("two_heads", ["fc_a", "fc_b", "c.0"]),
        ("used_in_body_and_tail", ["body"]),
        ("running_sum", ["fc"]),
    ],
)
def test_the_tail_starts_with_the_last_mixing_layers(name: str, layers: list[str]) -> None:
    assert {layer.name for layer in tiny(name).graph.mixing if layer.in_tail} == set(layers)


def test_every_channel_of_a_coupling_has_its_unit_in_the_layout() -> None:
    graph = tiny("dense").graph
    joined = [layout for layout in graph.layouts.values() if not isinstance(layout, tuple) and layout.axis == 1]
    own = {unit for coupling in graph.couplings for unit in coupling.units.tolist()}
    assert own <= {unit for layout in joined for unit in layout.units.tolist()}
    (reader,) = [layer for layer in graph.mixing if layer.name == "c.0"]
    assert len(reader.inputs) == 14
    assert len(set(reader.inputs.tolist()) - own) == 3  # the image


def test_a_module_with_two_weights_makes_two_layers_of_different_name() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Parameter(torch.randn(6, 3, 3, 3))
            self.two = nn.Parameter(torch.randn(5, 6, 1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.conv2d(nn.functional.conv2d(x, self.one).relu(), self.two)

    model = nn.Sequential(Two(), nn.Flatten(), nn.Linear(5 * 36, 3))
    graph = analyse_channels(trace(model, torch.randn(1, 3, 8, 8)))
    assert [layer.name for layer in graph.mixing] == ["0.one", "0.two", "2"]


def test_an_unused_layer_does_not_count() -> None:
    model = Calls(lambda m, x: m.fc(pooled(m.a(x))), a=conv_bn(3, 6), unused=conv_bn(3, 9), fc=nn.Linear(6, 3)).eval()
    graph = analyse_channels(trace(model, torch.randn(1, 3, 8, 8)))
    assert [layer.name for layer in graph.mixing] == ["a.0", "fc"]


def test_a_parameter_per_position_does_not_tie_channels() -> None:
    assert couplings("layer_scale") == {"stem.0": (7, {"stem.0", "body.0"})}


@pytest.mark.parametrize("name", NETS)
def test_static_macs_are_the_sum_over_layers(name: str) -> None:
    graph = tiny(name).graph
    assert graph.macs == sum(layer.macs for layer in graph.mixing) + sum(graph.whole_macs.values())
    for layer in graph.mixing:
        assert np.max(layer.outputs) < graph.num_units
