"""Data sets by name."""

import logging

import numpy as np
import torch

from s2dnas.data.hub import load_hub
from s2dnas.data.images import ImageData, Source
from s2dnas.data.tables import first_of_permutation
from s2dnas.errors import SettingsError
from s2dnas.extras import require_extra

__all__ = ["ImageData", "Source", "load_data"]

_log = logging.getLogger(__name__)


def load_data(spec: str, size: int | None = None, limit: int | None = None) -> Source:
    """A whole data set in memory.

    ``spec`` is ``digits`` (8x8 greys that come with scikit-learn), ``imagefolder:DIR`` (a folder per split and, within,
    per class), a folder of data files such as ``train.parquet`` and ``test.parquet``, or a name on the Hugging Face
    hub, which is downloaded once unless ``HF_HUB_OFFLINE`` is set.
    Images are resized to ``size`` x ``size`` pixels if that is given; at most ``limit`` images, chosen at random but
    always the same, are kept of train and of test.

    Raises SettingsError if a number is not positive, DataError if the data is missing, empty, damaged or has no test
    split, and MissingExtraError if what reads it is not installed.
    """
    for name, value in (("size", size), ("limit", limit)):
        if value is not None and value < 1:
            raise SettingsError(f"{name} is {value}; give at least 1")
    source = _digits(size, limit) if spec == "digits" else load_hub(spec, size, limit)
    _log.info(
        "%s: %d + %d images %s, %d classes",
        spec,
        len(source.train),
        len(source.test),
        source.train.image_shape,
        source.train.num_classes,
    )
    return source


def _digits(size: int | None, limit: int | None) -> Source:
    require_extra("data", "sklearn")
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    pixels = torch.from_numpy(np.rint(bunch.images * (255 / 16)).astype(np.uint8)).unsqueeze(1)
    if size is not None:
        pixels = torch.nn.functional.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
    names = tuple(str(name) for name in bunch.target_names)
    everything = ImageData(pixels, torch.from_numpy(bunch.target).long(), names)
    parts = train_test_split(range(len(everything)), test_size=0.2, stratify=bunch.target, random_state=0)
    train, test = (everything.subset(torch.tensor(part)) for part in parts)
    return Source(_limited(train, limit), _limited(test, limit), "digits")


def _limited(data: ImageData, limit: int | None) -> ImageData:
    return data if limit is None else data.subset(first_of_permutation(len(data), limit))
