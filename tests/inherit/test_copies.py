"""Copies of units widen a network: it computes what it computed, and can be divided like any other."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nets import NETS
from oracle import Subject, error, random_plan, tiny
from s2dnas.errors import ModelError
from s2dnas.graph.channels import ChannelGraph, Coupling
from s2dnas.inherit.copies import with_copies
from s2dnas.inherit.reconstruct import reconstructed
from s2dnas.masked.shared import SharedNet
from s2dnas.network.weights import Weights, static_weights
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build
from s2dnas.staged.parts import found_in, occurrence

READ_ALL_CHANNELS = {
    "layer_norm", "rms_norm", "channel_mean", "channel_softmax", "spatial_gate", "attention", "global_context",
    "weight_per_sample", "read_by_tail",
}  # fmt: skip
EACH_KIND_OF_CALL = [
    "vgg", "padded_shortcut", "inverted_residual", "squeeze_excite_linear", "dense", "grouped", "group_norm",
    "split_parts", "channel_shuffle", "transposed", "used_in_body_and_tail",
]  # fmt: skip
OTHERS = sorted(set(NETS) - READ_ALL_CHANNELS - set(EACH_KIND_OF_CALL))


@cache
def widened(name: str, share: float = 0.5) -> tuple[Subject, ChannelGraph]:
    net = tiny(name)
    return net, with_copies(net.graph, share, net.images)


def logits(graph: ChannelGraph, plan: Plan, images: Tensor, weights: Weights | None = None) -> Tensor:
    given = weights or static_weights(graph, plan.num_stages)
    with torch.no_grad():
        return SharedNet(graph, given).at(plan).eval()(images)


@pytest.mark.parametrize("name", [*EACH_KIND_OF_CALL, *(pytest.param(n, marks=pytest.mark.slow) for n in OTHERS)])
def test_the_wider_network_computes_the_same(name: str) -> None:
    net, graph = widened(name)
    with torch.no_grad():
        expected = net.model(net.images)
    assert graph.macs > net.graph.macs
    assert error(logits(graph, Plan(1, {}, {}), net.images)[0], expected) < 1e-9


@pytest.mark.parametrize("name", sorted(READ_ALL_CHANNELS))
def test_a_call_that_would_read_copies_twice_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=r"copies twice; set space\.copies to 0"):
        widened(name)


@pytest.mark.parametrize("name", EACH_KIND_OF_CALL)
def test_a_plan_of_it_is_built_as_it_is_masked(name: str) -> None:
    net, graph = widened(name)
    plan = random_plan(graph, 2, 1, seed=0)
    assert plan is not None
    with torch.no_grad():
        built = build(graph, plan)(net.images)
    assert error(built, logits(graph, plan, net.images)) < 1e-9


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_the_most_important_units_are_copied_and_copies_come_last(share: float) -> None:
    net, graph = widened("vgg_bn", share)
    for before, after in zip(net.graph.couplings, graph.couplings, strict=True):
        copied = round(share * len(before.units))
        assert (before.name, len(before.units) + copied) == (after.name, len(after.units))
        kept, twice = _sizes(net.graph, before), _sizes(graph, after)
        assert torch.allclose(twice, torch.cat([kept, kept[:copied]]))


def _sizes(graph: ChannelGraph, coupling: Coupling) -> Tensor:
    """The L1 norm of each unit's weights in the layer that makes it, in order; copies on the input side add up."""
    layer = next(layer for layer in graph.mixing if layer.name == coupling.layers[0])
    norms = graph.traced.values[layer.weight].detach().abs().flatten(1).sum(1)
    return torch.stack([norms[np.flatnonzero(layer.outputs == unit)[0]] for unit in coupling.units])


def test_no_copies_leave_the_network_as_it_is() -> None:
    net = tiny("vgg")
    assert with_copies(net.graph, 0.0, net.images) is net.graph


@pytest.mark.parametrize("name", ["vgg", "dropout", "conv_head"])
def test_a_last_stage_that_holds_copies_of_the_first_comes_closer_to_the_static_network(name: str) -> None:
    net, graph = widened(name)
    first = {coupling.name: round(0.5 * len(coupling.units)) for coupling in net.graph.couplings}
    images = torch.randn(64, *net.images.shape[1:], dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = net.model(images)

    def far(graph: ChannelGraph) -> float:
        plan = Plan(2, {c.name: (first[c.name], len(c.units) - first[c.name]) for c in graph.couplings}, {})
        fitted = reconstructed(graph, plan, images)
        return error(logits(graph, plan, images, fitted)[1], expected)

    assert far(graph) < 0.7 * far(net.graph)


@given(st.lists(st.integers(0, 5)))
def test_what_is_found_is_what_was_wanted_each_once(values: list[int]) -> None:
    own = np.array(values, dtype=np.int64)
    wanted = np.random.default_rng(0).permutation(own)
    found = found_in(own, wanted)
    assert sorted(found) == list(range(len(own)))
    assert (own[found] == wanted).all()
    assert list(occurrence(own)) == [values[:place].count(value) for place, value in enumerate(values)]
