"""Each image gets its own operations; a larger magnitude changes more; grey images are changed, too."""

import pytest
import torch
from torch import Tensor

from s2dnas.data.augment import NUM_OPERATIONS, Augmentation, augment
from s2dnas.data.operations import Operation, operations
from s2dnas.data.rand_augment import RandAugment

OPERATIONS = operations()
WITHOUT_STRENGTH = {"identity", "auto_contrast", "equalize"}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, channels: int = 3, size: int = 32) -> Tensor:
    """Smooth images with noise, so that every operation has something to change."""
    corners = torch.rand(count, channels, 3, 3, generator=seeded(5))
    smooth = torch.nn.functional.interpolate(corners, (size, size), mode="bilinear", align_corners=True)
    noise = torch.rand(count, channels, size, size, generator=seeded(6))
    return (0.05 + 0.7 * smooth + 0.2 * noise).mul(255).round() / 255


def change(name: str, images: Tensor, strength: float) -> float:
    """The mean absolute change of values, over both signs."""
    strengths = torch.full((len(images),), strength)
    changed = [OPERATIONS[name](images, sign * strengths) for sign in (-1, 1)]
    return float(torch.stack([(new - images).abs().mean() for new in changed]).mean())


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_keeps_shape_type_and_range_and_its_input(name: str, channels: int) -> None:
    images = pictures(6, channels, size=8)
    images[0], images[1] = 0, 1
    copy, strengths = images.clone(), torch.tensor([-1.0, -0.5, 0.0, 0.2, 0.7, 1.0])
    changed = OPERATIONS[name](images, strengths)
    assert (changed.shape, changed.dtype) == (images.shape, images.dtype)
    assert changed.min() >= 0
    assert changed.max() <= 1 + 1e-6
    assert torch.equal(images, copy)


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - WITHOUT_STRENGTH))
def test_the_change_grows_with_the_strength_from_nothing(name: str) -> None:
    images = pictures(16)
    images[:4] = images[:4].round()
    changes = [change(name, images, strength) for strength in (0.0, 0.1, 0.3, 0.6, 1.0)]
    assert changes[0] < 1e-5
    assert changes == sorted(changes)
    assert changes[3] > 0.005


def test_operations_without_strength_do_what_their_names_say() -> None:
    images, none = pictures(4), torch.zeros(4)
    assert torch.equal(OPERATIONS["identity"](images, none), images)
    low, high = OPERATIONS["auto_contrast"](images, none).flatten(2).aminmax(dim=2)
    assert (low < 1e-5).all()
    assert (high > 1 - 1e-5).all()
    levels = OPERATIONS["equalize"](images, none).flatten()
    shares = torch.histc(levels, 4, 0, 1) / len(levels)
    assert ((shares > 0.2) & (shares < 0.3)).all()


def test_images_move_by_up_to_45_percent_along_one_axis() -> None:
    images, strengths = pictures(2, size=20), torch.tensor([1.0, -1.0])
    for name, axis in (("translate_x", 3), ("translate_y", 2)):
        moved = OPERATIONS[name](images, strengths)
        for image, result, distance in zip(images, moved, (9, -9), strict=True):
            expected = image.roll(distance, axis - 1)
            gap = slice(0, 9) if distance > 0 else slice(11, 20)
            expected.movedim(axis - 1, 0)[gap] = 0
            assert torch.allclose(result, expected, atol=1e-4)


def test_shearing_moves_each_line_along_itself() -> None:
    ramp = torch.linspace(0.2, 0.8, 32).expand(1, 1, 32, 32)
    for name, along, across in (("shear_x", ramp, ramp.mT), ("shear_y", ramp.mT, ramp)):
        shear = OPERATIONS[name]
        kept = shear(across, torch.ones(1))
        assert torch.allclose(kept[..., 12:20, 12:20], across[..., 12:20, 12:20], atol=1e-4)
        moved = (shear(along, torch.ones(1)) - along).abs() / (along[0, 0, 1, 1] - along[0, 0, 0, 0]).abs()
        first, second = (float(moved[0, 0, place, place]) for place in (13, 19))
        assert second - first == pytest.approx(6 * 0.3, abs=0.05)


def test_turning_three_times_by_30_degrees_is_a_right_angle() -> None:
    images = torch.nn.functional.interpolate(torch.rand(1, 3, 4, 4, generator=seeded(2)), (33, 33), mode="bicubic")
    images = images.clamp(0, 1)
    for sign in (-1, 1):
        turned = images
        for _ in range(3):
            turned = OPERATIONS["rotate"](turned, torch.full((1,), float(sign)))
        inside = slice(8, 25)
        assert (turned - torch.rot90(images, sign, (2, 3)))[..., inside, inside].abs().mean() < 0.02


def test_colour_is_changed_where_there_is_colour_and_grey_stays() -> None:
    strengths = torch.full((4,), 0.5)
    for channels, changes in ((1, False), (3, True)):
        images = pictures(4, channels)
        assert torch.equal(OPERATIONS["color"](images, strengths), images) != changes


@pytest.mark.parametrize("channels", [1, 3])
def test_most_images_are_changed_and_each_in_its_own_way(channels: int) -> None:
    image = pictures(1, channels)
    images = image.expand(200, -1, -1, -1)
    augmentation = Augmentation(crop=False, flip=False, rand_augment=2)
    changed = augment(images, augmentation, seeded(0))
    assert torch.equal(images, image.expand_as(images))
    assert (changed != image).flatten(1).any(1).float().mean() > 0.9
    # 14 operations in pairs of either sign and order: far more than a choice per batch could give.
    assert len(torch.unique(changed.flatten(1), dim=0)) > 60


def test_each_image_gets_as_many_different_operations_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    signs: list[float] = []

    def adding(amount: int) -> Operation:
        def operation(images: Tensor, strengths: Tensor) -> Tensor:
            assert (strengths.abs() == 0.5).all()
            signs.extend(strengths.sign().tolist())
            return images + amount

        return operation

    for bit, name in enumerate(OPERATIONS):
        monkeypatch.setitem(OPERATIONS, name, adding(1 << bit))
    torch.manual_seed(0)
    sums = RandAugment(3, 0.5)(torch.zeros(500, 1, 1, 1)).flatten().int().tolist()
    assert {number.bit_count() for number in sums} == {3}
    often = torch.tensor([[number >> bit & 1 for bit in range(NUM_OPERATIONS)] for number in sums]).sum(0)
    assert often.min() > 0.6 * often.float().mean()
    assert abs(sum(signs)) < 0.1 * len(signs)


def test_a_magnitude_is_a_strength_of_30(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []
    for name in OPERATIONS:
        monkeypatch.setitem(OPERATIONS, name, lambda images, strengths: seen.append(strengths.abs()) or images)
    augment(pictures(50), Augmentation(rand_augment=1, magnitude=12), seeded(0))
    assert torch.allclose(torch.cat(seen), torch.full((50,), 0.4))


def test_operations_are_applied_in_every_order(monkeypatch: pytest.MonkeyPatch) -> None:
    names = list(OPERATIONS)
    for name in names:
        monkeypatch.delitem(OPERATIONS, name)
    monkeypatch.setitem(OPERATIONS, "double", lambda images, _: 2 * images)
    monkeypatch.setitem(OPERATIONS, "increase", lambda images, _: images + 1)
    torch.manual_seed(0)
    results = [RandAugment(2, 1.0)(torch.ones(3, 1, 1, 1)).unique().tolist() for _ in range(20)]
    assert sorted(map(tuple, {tuple(result) for result in results})) == [(3.0,), (4.0,)]


def test_the_settings_know_how_many_operations_there_are() -> None:
    assert len(OPERATIONS) == NUM_OPERATIONS
