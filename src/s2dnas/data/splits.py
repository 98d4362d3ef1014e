"""The four named, disjoint splits: what is trained on never chooses, and what chooses never reports."""

from dataclasses import dataclass

import torch
from torch import Tensor

from s2dnas.data.images import ImageData, Source
from s2dnas.errors import DataError, SettingsError


@dataclass(frozen=True, eq=False)
class Splits:
    """``train`` fits weights, ``search`` scores plans, ``calibrate`` sets thresholds; only reports read ``test``."""

    train: ImageData
    search: ImageData
    calibrate: ImageData
    test: ImageData


def split(source: Source, held_out: float = 0.1, *, seed: int) -> Splits:
    """Hold out a share of every class's training images, one half to search and one to calibrate on.

    Each half gets at least one image of every class. Equal seeds give equal splits.
    Raises SettingsError if ``held_out`` is not between 0 and 1, DataError if a class has too few images.
    """
    if not 0 < held_out < 1:
        raise SettingsError(f"held_out is {held_out}; give a share between 0 and 1, such as 0.1")
    labels = source.train.labels.cpu()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    parts: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    for label, name in enumerate(source.train.class_names):
        of_class = order[labels[order] == label]
        half = max(1, round(held_out * len(of_class) / 2))
        if len(of_class) <= 2 * half:
            raise DataError(
                f"class {name!r} of {source.name} has {len(of_class)} training images, of which {2 * half} would "
                "be held out: none is left to train on; load more images (a larger `limit`) or hold out less"
            )
        for part, indices in zip(parts, torch.split(of_class, [half, half, len(of_class) - 2 * half]), strict=True):
            part.append(indices)
    search, calibrate, train = (source.train.subset(torch.cat(part).sort().values) for part in parts)
    return Splits(train, search, calibrate, source.test)
