"""A pass shows each sample once, normalised, and training batches are reproducible."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.data.augment import Augmentation
from s2dnas.data.batches import num_batches, plain_batches, training_batches
from s2dnas.data.images import ImageData
from s2dnas.data.normalise import NAMED_STATS, ChannelStats, channel_stats, normalise
from s2dnas.errors import DataError, SettingsError

PLAIN = Augmentation(crop=False, flip=False)
IDENTITY = ChannelStats((0.0,) * 3, (1.0,) * 3)


def numbered(count: int) -> ImageData:
    """Image n has the value n everywhere and, as its label, n."""
    images = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4).clone()
    return ImageData(images, torch.arange(count), tuple(map(str, range(count))))


def random(count: int) -> ImageData:
    generator = torch.Generator().manual_seed(5)
    images = torch.randint(0, 256, (count, 3, 8, 8), generator=generator, dtype=torch.uint8)
    return ImageData(images, torch.zeros(count, dtype=torch.int64), ("one",))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(count=st.integers(1, 100), batch_size=st.integers(1, 40))
def test_plain_batches_show_each_sample_once_in_order(count: int, batch_size: int) -> None:
    batches = list(plain_batches(numbered(count), IDENTITY, batch_size, "cpu"))
    assert torch.cat([labels for _, labels in batches]).tolist() == list(range(count))
    for images, labels in batches:
        assert torch.allclose(images, (labels / 255)[:, None, None, None].expand_as(images))
    assert len(batches) == num_batches(count, batch_size, training=False)


@given(count=st.integers(1, 100), batch_size=st.integers(1, 40), seed=st.integers(0, 99))
def test_training_batches_are_full_and_repeat_nothing(count: int, batch_size: int, seed: int) -> None:
    batches = list(training_batches(numbered(count), IDENTITY, batch_size, PLAIN, seeded(seed), "cpu"))
    shown = [label for _, labels in batches for label in labels.tolist()]
    assert len(set(shown)) == len(shown) == (count if count < batch_size else count - count % batch_size)
    assert {len(labels) for _, labels in batches} == {min(batch_size, count)}
    assert len(batches) == num_batches(count, batch_size, training=True)
    for images, labels in batches:
        assert torch.allclose(images, (labels / 255)[:, None, None, None].expand_as(images))


def test_each_pass_has_its_own_order_and_equal_generators_repeat_it() -> None:
    def passes(seed: int) -> list[torch.Tensor]:
        generator = seeded(seed)
        both = (training_batches(random(20), IDENTITY, 5, Augmentation(), generator, "cpu") for _ in range(2))
        return [torch.cat([images for images, _ in batches]) for batches in both]

    first, second = passes(0)
    assert not torch.equal(first, second)
    assert torch.equal(first, passes(0)[0])
    assert torch.equal(second, passes(0)[1])
    assert not torch.equal(first, passes(1)[0])


def test_images_are_channels_last() -> None:
    for images, _ in plain_batches(random(6), IDENTITY, 3, "cpu"):
        assert images.is_contiguous(memory_format=torch.channels_last)
    for images, _ in training_batches(random(6), IDENTITY, 3, Augmentation(), seeded(0), "cpu"):
        assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("batch_size", [0, -3])
def test_a_batch_size_that_is_not_positive_is_refused_at_once(batch_size: int) -> None:
    with pytest.raises(SettingsError, match="batch_size"):
        plain_batches(random(3), IDENTITY, batch_size, "cpu")
    with pytest.raises(SettingsError, match="batch_size"):
        training_batches(random(3), IDENTITY, batch_size, PLAIN, seeded(0), "cpu")


def test_statistics_are_those_of_the_pixels() -> None:
    data = random(50)
    stats = channel_stats(data.images)
    pixels = (data.images.double() / 255).transpose(0, 1).flatten(1)
    assert stats.mean == pytest.approx(pixels.mean(1).tolist())
    assert stats.std == pytest.approx(pixels.std(1, correction=0).tolist())
    normalised = torch.cat([images for images, _ in plain_batches(data, stats, 20, "cpu")]).transpose(0, 1).flatten(1)
    assert normalised.mean(1).tolist() == pytest.approx([0] * 3, abs=1e-5)
    assert normalised.std(1).tolist() == pytest.approx([1] * 3, abs=1e-3)


def test_statistics_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(DataError, match="channel 0 has the value"):
        channel_stats(torch.full((3, 1, 4, 4), 7, dtype=torch.uint8))
    with pytest.raises(DataError, match="images have 1 channels, the statistics 3"):
        normalise(torch.rand(2, 1, 4, 4), NAMED_STATS["imagenet"])
