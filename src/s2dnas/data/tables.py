"""Images and labels out of tables of ``datasets``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s2dnas.data.decode import decode
from s2dnas.errors import DataError
from s2dnas.pixels import Pixels

_LABEL_NAMES = ("label", "labels", "fine_label")


@dataclass(frozen=True)
class Columns:
    """Where a table keeps images and labels. Without class names, the labels are any integers."""

    image: str
    label: str
    class_names: tuple[str, ...] | None


def table_of(tables: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The table of the first of ``names`` that exists. Raises DataError if there is none or it is empty."""
    name = next((name for name in names if name in tables), None)
    if name is None:
        raise DataError(
            f"it has no split called {' or '.join(names)}, only {', '.join(tables)}; "
            f"put a folder or a data file called {names[0]} beside the others"
        )
    if len(tables[name]) == 0:
        raise DataError(f"the split {name!r} is empty; give it at least one image")
    return tables[name]


def columns_of(features: Mapping[str, Any]) -> Columns:
    """The image column and the class column. Raises DataError unless there is exactly one candidate for each."""
    from datasets import ClassLabel, Image

    images = [name for name, kind in features.items() if isinstance(kind, Image)]
    classes = [name for name, kind in features.items() if isinstance(kind, ClassLabel)]
    numbers = [name for name, kind in features.items() if "int" in str(getattr(kind, "dtype", ""))]
    preferred = [name for name in _LABEL_NAMES if name in numbers]
    label = next((found[0] for found in (preferred[:1], classes, numbers) if len(found) == 1), None)
    if len(images) != 1 or label is None:
        raise DataError(
            f"it has the columns {', '.join(features)}; exactly one must hold images, and one called "
            f"{' or '.join(_LABEL_NAMES)}, or the only one of whole numbers, must hold the classes"
        )
    return Columns(images[0], label, tuple(features[label].names) if label in classes else None)


def limited(table: Any, limit: int | None) -> Any:
    """At most ``limit`` rows."""
    if limit is None or limit >= len(table):
        return table
    return table.select(first_of_permutation(len(table), limit).tolist())


def first_of_permutation(num_samples: int, limit: int) -> Tensor:
    """At most ``limit`` of the numbers below ``num_samples``, the same at every call."""
    return torch.randperm(num_samples, generator=torch.Generator().manual_seed(0))[:limit]


def images_of(table: Any, columns: Columns, size: int | None) -> list[Pixels]:
    """The decoded images, each resized to ``size`` x ``size`` if that is given. Raises DataError if one is damaged."""
    from datasets import Image

    encoded = table.select_columns(columns.image).cast_column(columns.image, Image(decode=False))
    return decode(encoded[:][columns.image], size)


def labels_of(tables: Sequence[Any], columns: Columns) -> tuple[list[Tensor], tuple[str, ...]]:
    """The labels (N,) of each table, from 0 to K - 1, and the K class names. Raises DataError if a label is missing."""
    values = [list(table[columns.label]) for table in tables]
    if any(value is None for part in values for value in part):
        raise DataError(f"column {columns.label!r} has empty cells; remove the images without a class")
    if columns.class_names is not None:
        return [torch.tensor(part) for part in values], columns.class_names
    known = np.unique(np.concatenate(values))
    return [torch.from_numpy(np.searchsorted(known, part)) for part in values], tuple(map(str, known))
