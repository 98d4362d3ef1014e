"""Loaders: anything that yields images and labels, such as a DataLoader or a list of batches; checked before work."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from s2dnas.errors import DataError

Loader = Iterable[tuple[Tensor, Tensor]]
"""Yields images (N, C, H, W), normalised as in training, and labels (N,); it can be iterated again and again."""


def first_batch(loader: Loader, name: str) -> tuple[Tensor, Tensor]:
    """The first batch of a loader. Raises DataError if it cannot be iterated again or yields something else."""
    if iter(loader) is loader:
        raise DataError(f"{name} can be iterated once only; give a DataLoader or a list of batches, not a generator")
    batch = next(iter(loader), None)
    if batch is None:
        raise DataError(f"{name} yields no batch; give at least one")
    if not isinstance(batch, tuple | list) or len(batch) != 2 or not all(isinstance(part, Tensor) for part in batch):
        raise DataError(f"{name} must yield pairs (images, labels) of tensors, not {type(batch).__name__}")
    images, labels = batch
    if images.ndim != 4 or not images.is_floating_point():
        raise DataError(
            f"images of {name} must be floats (N, C, H, W), normalised as in training, not {images.dtype} "
            f"{tuple(images.shape)}"
        )
    return images, labels


def check_loader(loader: Loader, name: str, image_shape: tuple[int, int, int], num_classes: int) -> None:
    """Raise DataError unless the first batch of a loader fits a network for images (C, H, W) and K classes."""
    images, labels = first_batch(loader, name)
    if tuple(images.shape[1:]) != image_shape:
        raise DataError(f"images of {name} are {tuple(images.shape[1:])}, the network was captured for {image_shape}")
    if tuple(labels.shape) != images.shape[:1] or labels.is_floating_point() or labels.dtype == torch.bool:
        raise DataError(
            f"labels of {name} must be class numbers ({len(images)},), not {labels.dtype} {tuple(labels.shape)}"
        )
    low, high = (int(end) for end in labels.aminmax())
    if low < 0 or high >= num_classes:
        raise DataError(
            f"labels of {name} go from {low} to {high}, but the network has {num_classes} classes, from 0 on"
        )


@dataclass(frozen=True, eq=False)
class Part:
    """Every ``count``-th image of a loader, from the ``index``-th on: parts of one loader are disjoint."""

    loader: Loader
    index: int
    count: int

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        start = self.index
        for images, labels in self.loader:
            chosen = slice(start, None, self.count)
            start = (start - len(images)) % self.count
            if len(labels[chosen]):
                yield images[chosen], labels[chosen]


@dataclass(frozen=True, eq=False)
class OnDevice:
    """The batches of a loader, moved to a device."""

    loader: Loader
    device: torch.device

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return ((images.to(self.device), labels.to(self.device)) for images, labels in self.loader)


def gathered(loader: Loader, limit: int) -> list[tuple[Tensor, Tensor]]:
    """The first ``limit`` images and their labels, in batches, in memory."""
    batches: list[tuple[Tensor, Tensor]] = []
    for images, labels in loader:
        left = limit - sum(len(known) for _, known in batches)
        if left <= 0:
            break
        batches.append((images[:left], labels[:left]))
    return batches
