"""A saved network needs nothing of the program that made it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from elsewhere import assert_no_difference, logits_elsewhere, logits_here
from oracle import random_plan, subject, tiny
from s2dnas.exits import ExitRule
from s2dnas.saving.writing import save
from s2dnas.staged.build import MultiStageNet, build

NAMES = ["padded_image", "spatial_gate", "transposed"]  # these have all kinds of arguments, functions and tensors


@torch.library.custom_op("s2dnas_tests::halve", mutates_args=())
def halve(x: Tensor) -> Tensor:
    return x / 2


@halve.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


class Halving(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return halve(x)  # type: ignore[no-any-return]


def with_an_operator_of_its_own() -> tuple[nn.Module, Tensor]:
    layers = [nn.Conv2d(3, 6, 3), Halving(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(8, 3)).eval(), torch.randn(2, 3, 8, 8)


def saved(network: MultiStageNet, folder: Path) -> MultiStageNet:
    save(network, ExitRule("margin", (0.5,) * (network.num_stages - 1)), folder)
    return network


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Tensor, Tensor | str]]:
    """Logits here, and logits or the error elsewhere, by network."""
    root = tmp_path_factory.mktemp("saved")
    subjects = {name: tiny(name) for name in NAMES} | {"own operator": subject(with_an_operator_of_its_own)}
    here = {}
    for name, net in subjects.items():
        plan = random_plan(net.graph, 3, 1, seed=0)
        assert plan is not None
        here[name] = logits_here(saved(build(net.graph, plan), root / name), net.images)
    there = logits_elsewhere({root / name: net.images for name, net in subjects.items()})
    return {name: (here[name], there[root / name]) for name in subjects}


def test_another_interpreter_gives_the_same_logits(both: dict[str, tuple[Tensor, Tensor | str]]) -> None:
    for name in NAMES:
        assert_no_difference(*both[name])


def test_a_library_that_is_not_imported_is_named(both: dict[str, tuple[Tensor, Tensor | str]]) -> None:
    _, there = both["own operator"]
    assert isinstance(there, str)
    assert there.startswith("ModelError: ")
    assert "import the library that registers 's2dnas_tests::halve'" in there
    assert "network.json" in there
