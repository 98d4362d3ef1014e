"""Networks of torchvision and timm, saved and loaded by another interpreter: not one bit of 1,000 images differs."""

from pathlib import Path

import pytest
import torch

from elsewhere import assert_no_difference, saved_uniformly

pytestmark = pytest.mark.slow

NAMES = ("resnet50", "convnext_tiny", "efficientnet_b0")


@pytest.mark.parametrize("spec", [f"{zoo}:{name}" for zoo in ("torchvision", "timm") for name in NAMES])
def test_another_interpreter_gives_the_same_logits(spec: str, tmp_path: Path) -> None:
    pytest.importorskip(spec.partition(":")[0])
    images = torch.randn(1000, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    here, there = saved_uniformly(spec, 1000, images, tmp_path / "saved")
    assert here.shape == (3, 1000, 1000)
    assert_no_difference(here, there)
