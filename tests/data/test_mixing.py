"""Mixed images have mixed labels: rows of probabilities in the same shares as the pixels."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s2dnas.data.augment import Augmentation
from s2dnas.data.batches import training_batches
from s2dnas.data.images import ImageData
from s2dnas.data.normalise import ChannelStats

PLAIN = Augmentation(crop=False, flip=False)
MIXUP, CUTMIX = replace(PLAIN, mixup=1.0), replace(PLAIN, cutmix=1.0)
IDENTITY = ChannelStats((0.0,), (1.0,))
CLASSES = 5


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coded(count: int, size: int = 8) -> ImageData:
    """Constant images whose value is 50 times their class."""
    labels = torch.arange(count) % CLASSES
    images = (50 * labels).to(torch.uint8)[:, None, None, None].expand(-1, 1, size, size).clone()
    return ImageData(images, labels, tuple("abcde"))


def batch(augmentation: Augmentation, count: int = 64, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images with values of 50 times a class again, and labels."""
    (images, labels), *_ = training_batches(coded(count), IDENTITY, count, augmentation, seeded(seed), "cpu")
    return images * 255 / 50, labels


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**60), alpha=st.sampled_from([0.05, 0.2, 1.0, 8.0]), count=st.sampled_from([1, 2, 7, 64]))
def test_mixup_gives_labels_the_shares_of_the_pixels(seed: int, alpha: float, count: int) -> None:
    images, labels = batch(replace(PLAIN, mixup=alpha), count, seed)
    assert labels.shape == (count, CLASSES)
    assert labels.dtype == torch.float32
    assert labels.min() >= 0
    assert torch.allclose(labels.sum(1), torch.ones(count))
    assert (labels > 0).sum(1).max() <= 2
    expected = labels @ torch.arange(CLASSES).float()
    assert torch.allclose(images, expected[:, None, None, None].expand_as(images), atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**60), alpha=st.sampled_from([0.05, 0.2, 1.0, 8.0]), count=st.sampled_from([1, 2, 7, 64]))
def test_cutmix_gives_labels_the_shares_of_the_area(seed: int, alpha: float, count: int) -> None:
    images, labels = batch(replace(PLAIN, cutmix=alpha), count, seed)
    classes = images.round().long()
    assert torch.allclose(images, classes.float(), atol=1e-4)
    areas = torch.nn.functional.one_hot(classes.flatten(1), CLASSES).float().mean(1)
    assert torch.allclose(labels, areas, atol=1e-5)
    assert torch.allclose(labels.sum(1), torch.ones(count))


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_the_shares_follow_alpha(kind: str) -> None:
    def spread(alpha: float) -> float:
        _, labels = batch(replace(PLAIN, **{kind: alpha}), 5000)
        return float(labels.amax(1).mean())

    assert spread(0.1) > 0.88  # one of the two images dominates
    assert spread(1.0) == pytest.approx(0.8, abs=0.03)  # a fifth has a partner of its own class
    assert spread(100.0) < 0.7


@pytest.mark.parametrize("augmentation", [MIXUP, CUTMIX, replace(MIXUP, cutmix=1.0)])
def test_a_generator_decides_all_and_the_global_one_stays(augmentation: Augmentation) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    once = batch(augmentation, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    for first, second in zip(once, batch(augmentation, seed=3), strict=True):
        assert torch.equal(first, second)
    assert not torch.equal(once[0], batch(augmentation, seed=4)[0])


def test_of_mixup_and_cutmix_each_batch_draws_one() -> None:
    data = coded(640)
    batches = list(training_batches(data, IDENTITY, 16, replace(MIXUP, cutmix=1.0), seeded(0), "cpu"))
    cut = [bool((images.flatten(1).amax(1) > images.flatten(1).amin(1) + 1e-6).any()) for images, _ in batches]
    assert 8 < sum(cut) < 32


def test_labels_stay_numbers_where_nothing_is_mixed() -> None:
    data = coded(60)
    for augmentation in (Augmentation(), Augmentation(rand_augment=2, erasing=0.5)):
        batches = list(training_batches(data, IDENTITY, 20, augmentation, seeded(0), "cpu"))
        order = torch.randperm(60, generator=seeded(0))
        assert torch.equal(torch.cat([labels for _, labels in batches]), data.labels[order])
        assert all(labels.dtype == torch.int64 for _, labels in batches)


def test_cross_entropy_takes_both_kinds_of_labels() -> None:
    logits = torch.randn(64, CLASSES, generator=seeded(1))
    _, numbers = batch(PLAIN)
    one_hot = torch.nn.functional.one_hot(numbers, CLASSES).float()
    loss = torch.nn.functional.cross_entropy
    assert torch.allclose(loss(logits, numbers), loss(logits, one_hot))
    assert loss(logits, batch(MIXUP)[1]).isfinite()
