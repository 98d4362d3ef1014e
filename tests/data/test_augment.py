"""Crops are windows of the padded image, flips are mirror images, and a generator decides both."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from s2dnas.data.augment import Augmentation, augment


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, height: int = 16, width: int = 16) -> Tensor:
    return torch.rand(count, 2, height, width, generator=seeded(9))


def offsets(image: Tensor, crop: Tensor, pad: tuple[int, int]) -> list[tuple[int, int]]:
    """Where the crop occurs in the image padded by ``pad`` (rows, columns) of zeros."""
    (height, width), (rows, columns) = image.shape[1:], pad
    padded = F.pad(image, (columns, columns, rows, rows))
    places = [(y, x) for y in range(2 * rows + 1) for x in range(2 * columns + 1)]
    return [(y, x) for y, x in places if torch.equal(padded[:, y : y + height, x : x + width], crop)]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**60), shape=st.sampled_from([(16, 16), (8, 24)]))
def test_a_crop_is_a_window_of_the_padded_image(seed: int, shape: tuple[int, int]) -> None:
    images = pictures(8, *shape)
    crops = augment(images, Augmentation(flip=False), seeded(seed))
    for image, crop in zip(images, crops, strict=True):
        assert len(offsets(image, crop, (shape[0] // 8, shape[1] // 8))) == 1


def test_every_window_is_drawn() -> None:
    images = pictures(400)
    crops = augment(images, Augmentation(flip=False), seeded(0))
    drawn = {offsets(image, crop, (2, 2))[0] for image, crop in zip(images, crops, strict=True)}
    assert drawn == {(y, x) for y in range(5) for x in range(5)}


def test_half_of_the_images_are_mirrored() -> None:
    images = pictures(400)
    flipped = augment(images, Augmentation(crop=False), seeded(0))
    mirrored = [
        torch.equal(out, image.flip(2)) or (not torch.equal(out, image) and pytest.fail("neither"))
        for image, out in zip(images, flipped, strict=True)
    ]
    assert 160 < sum(mirrored) < 240


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**60))
def test_values_stay_in_range_and_a_generator_decides_all(seed: int) -> None:
    images = pictures(16)
    torch.manual_seed(1)
    once = augment(images, Augmentation(), seeded(seed))
    torch.manual_seed(2)
    assert torch.equal(once, augment(images, Augmentation(), seeded(seed)))
    assert not torch.equal(once, augment(images, Augmentation(), seeded(seed + 1)))
    assert once.shape == images.shape
    assert once.min() >= 0
    assert once.max() <= images.max()


def test_the_global_generator_and_the_images_are_left_alone() -> None:
    images = pictures(4)
    copy, state = images.clone(), torch.get_rng_state()
    augment(images, Augmentation(), seeded(0))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(images, copy)


def test_nothing_is_done_when_nothing_is_asked_for() -> None:
    images = pictures(4)
    assert torch.equal(augment(images, Augmentation(crop=False, flip=False), seeded(0)), images)
