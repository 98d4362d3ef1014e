"""The splits are disjoint, as balanced as the data, and the same for the same seed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.data.images import ImageData, Source
from s2dnas.data.splits import Splits, split
from s2dnas.errors import DataError, SettingsError


def numbered(counts: list[int]) -> Source:
    """Images whose two pixels spell their number, ``counts[k]`` of class k."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    numbers = torch.arange(len(labels))
    images = torch.stack([numbers // 256, numbers % 256], 1).to(torch.uint8).reshape(-1, 1, 1, 2)
    data = ImageData(images, labels, tuple(f"class{k}" for k in range(len(counts))))
    return Source(data, data.subset(torch.arange(3)), "numbered")


def numbers_in(data: ImageData) -> list[int]:
    high, low = data.images.long().flatten(1).unbind(1)
    return (high * 256 + low).tolist()


def parts(splits: Splits) -> list[ImageData]:
    return [splits.train, splits.search, splits.calibrate]


@given(
    seed=st.integers(0, 2**40),
    held_out=st.sampled_from([0.05, 0.1, 0.3, 0.5]),
    counts=st.lists(st.integers(3, 90), min_size=1, max_size=5),
)
def test_splits_are_disjoint_complete_and_stratified(seed: int, held_out: float, counts: list[int]) -> None:
    source = numbered(counts)
    splits = split(source, held_out, seed=seed)
    everything = [number for part in parts(splits) for number in numbers_in(part)]
    assert sorted(everything) == list(range(sum(counts)))
    assert splits.test is source.test
    for part in (splits.search, splits.calibrate):
        for held, count in zip(part.labels.bincount(minlength=len(counts)).tolist(), counts, strict=True):
            assert held >= 1
            assert abs(held - held_out / 2 * count) < 1
    for part in parts(splits):
        assert torch.equal(part.labels, source.train.labels[torch.tensor(numbers_in(part))])


@given(seed=st.integers(0, 2**40))
def test_equal_seeds_give_equal_splits_and_others_do_not(seed: int) -> None:
    source = numbered([60, 60])
    once, again, other = (split(source, seed=s) for s in (seed, seed, seed + 1))
    assert [numbers_in(part) for part in parts(once)] == [numbers_in(part) for part in parts(again)]
    assert numbers_in(once.train) != numbers_in(other.train)


def test_a_tenth_is_held_out_in_two_halves() -> None:
    splits = split(numbered([500, 500]), seed=0)
    assert [len(part) for part in parts(splits)] == [900, 50, 50]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_class_that_is_too_small_is_named(count: int) -> None:
    with pytest.raises(DataError, match=rf"'class1' of numbered has {count} training images"):
        split(numbered([20, count]), seed=0)


@pytest.mark.parametrize("held_out", [0.0, 1.0, -0.1])
def test_a_share_outside_0_to_1_is_refused(held_out: float) -> None:
    with pytest.raises(SettingsError, match="between 0 and 1"):
        split(numbered([20]), held_out, seed=0)
