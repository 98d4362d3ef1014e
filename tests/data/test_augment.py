"""Crops are windows of the padded image, flips are mirror images, rectangles are erased; a generator decides all."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from s2dnas.data.augment import Augmentation, augment
from s2dnas.errors import SettingsError
from s2dnas.pipeline.settings import Settings, load_settings

PLAIN = Augmentation(crop=False, flip=False)
EVERYTHING = Augmentation(rand_augment=2, erasing=0.5)


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


def test_the_defaults_are_crop_and_flip_alone_and_draw_one_seed() -> None:
    from kornia.augmentation import RandomCrop, RandomHorizontalFlip

    images, generator, other = pictures(32), seeded(3), seeded(3)
    changed = augment(images, Augmentation(), generator)
    torch.manual_seed(int(torch.randint(2**63 - 1, (), generator=other)))
    crop = RandomCrop((16, 16), padding=(2, 2), cropping_mode="slice")
    assert torch.equal(changed, RandomHorizontalFlip(p=0.5)(crop(images)))
    assert torch.equal(generator.get_state(), other.get_state())


def test_what_is_added_leaves_the_crops_and_flips_as_they_were() -> None:
    images = pictures(32)
    erased = augment(images, Augmentation(erasing=1.0), seeded(3))
    kept = erased != 0
    assert torch.equal(erased[kept], augment(images, Augmentation(), seeded(3))[kept])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**60), channels=st.sampled_from([1, 3]), size=st.sampled_from([(8, 8), (32, 24)]))
def test_all_together_keep_shape_range_and_type_and_follow_the_generator(
    seed: int, channels: int, size: tuple[int, int]
) -> None:
    images = torch.rand(12, channels, *size, generator=seeded(9))
    once = augment(images, EVERYTHING, seeded(seed))
    assert (once.shape, once.dtype) == (images.shape, images.dtype)
    assert once.min() >= 0
    assert once.max() <= 1 + 1e-6
    assert torch.equal(once, augment(images, EVERYTHING, seeded(seed)))
    assert not torch.equal(once, augment(images, EVERYTHING, seeded(seed + 1)))


def test_no_global_generator_is_moved_or_followed() -> None:
    images = pictures(8)
    random.seed(1), np.random.seed(1)
    copy, once = images.clone(), augment(images, EVERYTHING, seeded(0))
    random.seed(2), np.random.seed(2), torch.manual_seed(2)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    assert torch.equal(augment(images, EVERYTHING, seeded(0)), once)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]  # type: ignore[index]
    assert torch.equal(images, copy)


@pytest.mark.parametrize(("probability", "area"), [(1.0, 0.33), (1.0, 0.1), (0.25, 0.33)])
def test_black_rectangles_have_the_areas_that_were_asked_for(probability: float, area: float) -> None:
    images = torch.ones(2000, 1, 32, 32)
    erased = augment(images, replace(PLAIN, erasing=probability, erased_area=area), seeded(0))
    black = erased == 0
    shares = black.float().mean(dim=(1, 2, 3))
    hit = shares > 0
    assert float(hit.float().mean()) == pytest.approx(probability, abs=0.03)
    assert float(shares[hit].mean()) == pytest.approx((0.02 + area) / 2, rel=0.05)
    assert float(shares.max()) < 1.1 * area  # sides are rounded to whole pixels
    rows, columns = black.any(dim=3).sum(2), black.any(dim=2).sum(2)
    assert torch.equal(rows * columns, black.sum(dim=(2, 3)))
    assert ((erased == 1) | black).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rand_augment", -1),
        ("rand_augment", 15),
        ("magnitude", 30.5),
        ("erasing", 1.5),
        ("erased_area", 0.0),
        ("mixup", -0.1),
        ("cutmix", 0.01),
    ],
)
def test_a_value_out_of_range_is_refused_in_one_sentence(name: str, value: float) -> None:
    fault = rf"{name} must be .*, not {value}$"
    with pytest.raises(SettingsError, match="^" + fault):
        Augmentation(**{name: value})
    with pytest.raises(SettingsError, match="^setting 'augmentation': " + fault):
        load_settings(overrides=[f"augmentation.{name}={value}"])


@pytest.mark.parametrize("name", ["magnitude", "erasing", "erased_area", "mixup", "cutmix"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=rf"{name} must be .*, not {value}"):
        Augmentation(**{name: value})
    with pytest.raises(SettingsError, match=name):
        load_settings(overrides=[f"augmentation.{name}={value}"])


def test_settings_say_what_is_on_and_leave_the_rest_as_by_default() -> None:
    assert Settings().augmentation == Augmentation(True, True, 0, 9.0, 0.0, 0.33, 0.0, 0.0)
    overrides = ["augmentation.rand_augment=2", "augmentation.mixup=0.2"]
    given = load_settings(overrides=overrides).augmentation
    assert given == replace(Augmentation(), rand_augment=2, mixup=0.2)
    assert given.mixes
    assert not Augmentation().mixes
