"""The data of a run: divided, normalised, and in batches on the device where networks run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from s2dnas.data.batches import num_batches, plain_batches, training_batches
from s2dnas.data.images import ImageData
from s2dnas.data.normalise import NAMED_STATS, ChannelStats, channel_stats
from s2dnas.data.sources import load_data
from s2dnas.data.splits import Splits, split
from s2dnas.pipeline.settings import Settings
from s2dnas.training.loop import Batch


@dataclass(frozen=True, eq=False)
class DataFeed:
    """The data set ``name``, divided and batched as the settings say; it is loaded when it is first used."""

    name: str
    settings: Settings
    device: torch.device

    @cached_property
    def splits(self) -> Splits:
        """The four disjoint splits."""
        data = self.settings.data
        return split(load_data(self.name, data.size, data.limit), data.held_out, seed=self.settings.seed)

    @cached_property
    def stats(self) -> ChannelStats:
        """The channel statistics by which all images are normalised."""
        named = NAMED_STATS.get(self.settings.data.normalise)
        return named or channel_stats(self.splits.train.images)

    @cached_property
    def norm_images(self) -> Tensor:
        """The first training images (N, C, H, W), not augmented: batch norms and reconstructed weights are fitted to
        them."""
        return next(iter(self.plain(self.splits.train, self.settings.search.norm_images)))[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of an image."""
        return self.splits.train.image_shape

    @property
    def num_classes(self) -> int:
        """The number of classes, K."""
        return self.splits.train.num_classes

    def training(self, batch_size: int) -> tuple[Callable[[torch.Generator], Iterator[Batch]], int]:
        """One augmented pass over the training split, as a function of a generator, and its number of batches."""
        data = self.splits.train

        def batches(generator: torch.Generator) -> Iterator[Batch]:
            augmentation = self.settings.augmentation
            return training_batches(data, self.stats, batch_size, augmentation, generator, self.device)

        return batches, num_batches(len(data), batch_size, training=True)

    def plain(self, data: ImageData, batch_size: int = 500) -> Iterator[Batch]:
        """The images (N, C, H, W) and labels (N,) of a split, in batches; each sample once, in order."""
        return plain_batches(data, self.stats, batch_size, self.device)
