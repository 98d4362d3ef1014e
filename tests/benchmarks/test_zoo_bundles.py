"""The benchmark of bundles checks every image, and whole networks pass it."""

import pytest
import torch
from zoo_bundles import MODELS, batches, check, measured

OWN = [name for name in MODELS if name.count(":") == 1]


def test_every_image_is_in_one_batch_of_several_sizes() -> None:
    images = torch.arange(24)
    found = list(batches(images))
    assert torch.equal(torch.cat(found), images)
    assert [len(batch) for batch in found] == [1, 2, 7, 1, 2, 7, 1, 2, 1]


def test_a_network_that_cannot_be_made_is_a_row_with_the_reason() -> None:
    row = measured("resnet19:32", 1)
    assert not row["passed"]
    assert "ModelError" in row["faults"][0]


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_the_networks_of_s2dnas_pass(name: str) -> None:
    found = check(name, 20)
    assert found["passed"], found["faults"]
    assert min(found["exits"]) > 0
