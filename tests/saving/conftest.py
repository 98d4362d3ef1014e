"""A small network of two stages, and a folder that it was saved to."""

import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nets import CLASSES
from oracle import subject
from s2dnas.exits import ExitRule
from s2dnas.saving.writing import save
from s2dnas.space.division import search_space
from s2dnas.staged.build import MultiStageNet, build


@pytest.fixture(scope="module")
def network() -> MultiStageNet:
    def make() -> tuple[nn.Module, Tensor]:
        layers = [nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(8, CLASSES)).eval(), torch.ones(1, 3, 8, 8)

    graph = subject(make).graph
    return build(graph, search_space(graph, 2, 2).uniform())


@pytest.fixture(scope="module")
def original(network: MultiStageNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "network"
    save(network, {"default": ExitRule("margin", (0.5,))}, folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "network"))
