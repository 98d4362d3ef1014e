"""Weights go onto the network that they belong to alone: equal names and shapes do not tell networks apart."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from oracle import tiny
from s2dnas.errors import ArtifactError
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import ChannelGraph
from s2dnas.masked.shared import SharedNet
from s2dnas.network.ownership import EXTRA_STATE
from s2dnas.network.weights import static_weights
from s2dnas.space.division import search_space
from s2dnas.space.importance import by_importance
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build
from s2dnas.training.checkpoint import load_checkpoint, save_checkpoint

Make = Callable[[ChannelGraph, Plan], nn.Module]


def ordered(importance: str) -> ChannelGraph:
    return by_importance(analyse_channels(tiny("residual").graph.traced), importance)


def plan(*shares: float) -> Plan:
    return search_space(ordered("l1"), 2, 2).uniform(list(shares))


def staged(graph: ChannelGraph, plan: Plan) -> nn.Module:
    return build(graph, plan)


def masked(graph: ChannelGraph, plan: Plan) -> nn.Module:
    return SharedNet(graph, static_weights(graph, plan.num_stages)).at(plan).eval()


def zeroed(network: nn.Module) -> nn.Module:
    """The network without the values that it must not be given."""
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name != EXTRA_STATE:
                tensor.zero_()
    return network


def copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


EVERY_KIND = pytest.mark.parametrize("make", [staged, masked])
OTHERS = pytest.mark.parametrize(
    ("importance", "shares", "what"), [("none", (0.5, 0.5), "order of units"), ("l1", (0.75, 0.25), "plan")]
)


def test_names_and_shapes_are_equal() -> None:
    """Otherwise PyTorch itself would refuse."""
    own = masked(ordered("l1"), plan(0.5, 0.5)).state_dict()
    for other in (masked(ordered("none"), plan(0.5, 0.5)), masked(ordered("l1"), plan(0.75, 0.25))):
        assert {name: value.shape for name, value in other.state_dict().items()} == {
            name: value.shape for name, value in own.items()
        }


@EVERY_KIND
def test_the_state_of_the_same_network_is_taken(make: Make) -> None:
    network = make(ordered("l1"), plan(0.5, 0.5))
    again = zeroed(make(ordered("l1"), plan(0.5, 0.5)))
    again.load_state_dict(network.state_dict())
    images = tiny("residual").images
    with torch.no_grad():
        assert torch.equal(again(images), network(images))


@EVERY_KIND
@OTHERS
def test_the_state_of_another_network_is_refused(
    make: Make, importance: str, shares: tuple[float, float], what: str
) -> None:
    network = zeroed(make(ordered("l1"), plan(0.5, 0.5)))
    before = copied(network)
    with pytest.raises(ArtifactError, match=f"another {what}"):
        network.load_state_dict(make(ordered(importance), plan(*shares)).state_dict())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@EVERY_KIND
@OTHERS
def test_the_checkpoint_of_another_network_is_refused(
    make: Make, importance: str, shares: tuple[float, float], what: str, tmp_path: Path
) -> None:
    other, network = make(ordered(importance), plan(*shares)), zeroed(make(ordered("l1"), plan(0.5, 0.5)))
    save_checkpoint(tmp_path / "last", other, torch.optim.SGD(other.parameters(), lr=0.1), [])
    optimizer, before = torch.optim.SGD(network.parameters(), lr=0.1), copied(network)
    with pytest.raises(ArtifactError, match=f"last.*another ({what}|network)"):
        load_checkpoint(tmp_path / "last", network, optimizer)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not optimizer.state


@EVERY_KIND
def test_a_state_without_a_fingerprint_is_refused(make: Make) -> None:
    network = make(ordered("l1"), plan(0.5, 0.5))
    state = network.state_dict() | {EXTRA_STATE: torch.zeros(3, dtype=torch.uint8)}
    with pytest.raises(ArtifactError, match="no fingerprint"):
        network.load_state_dict(state)
    del state[EXTRA_STATE]
    with pytest.raises(RuntimeError, match="Missing key"):
        network.load_state_dict(state)
