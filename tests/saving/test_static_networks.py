"""The networks of the field, saved and loaded by another interpreter: not one bit of 1,000 images differs."""

from pathlib import Path

import pytest
import torch

from elsewhere import assert_no_difference, saved_uniformly

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("spec", ["resnet20", "mobilenet_v2", "vgg16_bn"])
def test_another_interpreter_gives_the_same_logits(spec: str, tmp_path: Path) -> None:
    images = torch.randn(1000, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    here, there = saved_uniformly(spec, 10, images, tmp_path / "saved")
    assert here.shape == (3, 1000, 10)
    assert_no_difference(here, there)
