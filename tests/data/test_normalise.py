"""Images are normalised by the statistics that were asked for."""

import pytest
import torch

from s2dnas.data.normalise import NAMED_STATS, ChannelStats, normalise
from s2dnas.errors import DataError


def test_the_statistics_of_imagenet_are_the_published_ones() -> None:
    assert NAMED_STATS["imagenet"] == ChannelStats((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_each_channel_is_shifted_and_scaled_by_its_own() -> None:
    images = torch.full((2, 3, 4, 4), 0.5)
    found = normalise(images, ChannelStats((0.1, 0.2, 0.5), (0.2, 0.1, 1.0)))
    assert found[0, :, 0, 0].tolist() == pytest.approx([2.0, 3.0, 0.0])


def test_statistics_of_another_number_of_channels_are_refused() -> None:
    with pytest.raises(DataError, match="images have 1 channels, the statistics 3"):
        normalise(torch.zeros(1, 1, 2, 2), NAMED_STATS["imagenet"])
