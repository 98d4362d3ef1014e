"""The networks of the field, saved and loaded by another interpreter: not one bit of 1,000 images differs."""

from pathlib import Path

import pytest
import torch
from s2dnas.space.order import by_importance
from torch import Tensor

from elsewhere import logits_elsewhere, logits_here
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.trace import trace
from s2dnas.models.registry import create_model
from s2dnas.saving.writing import save
from s2dnas.space.division import search_space
from s2dnas.staged.build import build

pytestmark = pytest.mark.slow

OURS = ("resnet20", "mobilenet_v2", "vgg16_bn")
ZOO = [f"{zoo}:{name}" for zoo in ("torchvision", "timm") for name in ("resnet50", "convnext_tiny", "efficientnet_b0")]


def largest_difference(spec: str, classes: int, images: Tensor, folder: Path) -> float:
    """Of any logit, here and elsewhere, of a network of three equal stages with fresh weights."""
    torch.manual_seed(0)
    model = create_model(spec, classes, 3).eval()
    graph = by_importance(analyse_channels(trace(model, images[:1])))
    network = build(graph, search_space(graph, 3, 4).uniform())
    save(network, {}, folder)
    elsewhere = logits_elsewhere({folder: images})[folder]
    assert isinstance(elsewhere, Tensor), elsewhere
    here = logits_here(network, images)
    assert here.shape == (3, len(images), classes)
    assert float(here.std()) > 0
    return float((here - elsewhere).abs().max())


@pytest.mark.parametrize("spec", OURS)
def test_networks_for_small_images(spec: str, tmp_path: Path) -> None:
    images = torch.randn(1000, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert largest_difference(spec, 10, images, tmp_path / "saved") == 0


@pytest.mark.parametrize("spec", ZOO)
def test_networks_of_the_zoos(spec: str, tmp_path: Path) -> None:
    pytest.importorskip(spec.partition(":")[0])
    images = torch.randn(1000, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert largest_difference(spec, 1000, images, tmp_path / "saved") == 0
