"""Labelled images in memory."""

from dataclasses import dataclass

import torch
from torch import Tensor

from s2dnas.errors import DataError


@dataclass(frozen=True, eq=False)
class ImageData:
    """``images`` (N, C, H, W) uint8, ``labels`` (N,) int64 from 0 to K - 1, and the names of the K classes.

    Raises DataError if there is no image, or if shapes, types or labels do not fit together.
    """

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        shape, dtypes = tuple(self.images.shape), (self.images.dtype, self.labels.dtype)
        if len(shape) != 4 or tuple(self.labels.shape) != shape[:1] or dtypes != (torch.uint8, torch.int64):
            raise DataError(
                f"images must be (N, C, H, W) uint8 and labels (N,) int64, "
                f"not {shape} {dtypes[0]} and {tuple(self.labels.shape)} {dtypes[1]}; convert them"
            )
        if 0 in shape:
            raise DataError(f"the images have shape {shape}, so there is none; give at least one image")
        low, high = self.labels.aminmax()
        if low < 0 or high >= self.num_classes:
            raise DataError(
                f"labels go from {low} to {high}, but the {self.num_classes} classes are 0 to {self.num_classes - 1}; "
                "remove unlabelled images or name every class"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    def subset(self, indices: Tensor) -> "ImageData":
        """The images at ``indices`` (M,), in that order. Raises DataError if there is none."""
        return ImageData(self.images[indices], self.labels[indices], self.class_names)

    def to(self, device: torch.device | str) -> "ImageData":
        """The same data on a device, from where batches are then taken without copying from the host."""
        return ImageData(self.images.to(device), self.labels.to(device), self.class_names)


@dataclass(frozen=True, eq=False)
class Source:
    """A data set as its publisher divided it, and the spec it was loaded by.

    Raises DataError if the two parts differ in image shape or classes.
    """

    train: ImageData
    test: ImageData
    name: str

    def __post_init__(self) -> None:
        for what in ("image_shape", "class_names"):
            train, test = getattr(self.train, what), getattr(self.test, what)
            if train != test:
                raise DataError(
                    f"{self.name}: {what} is {train} in train but {test} in test; give a `size` or other data"
                )
