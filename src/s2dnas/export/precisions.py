"""A float32 bundle and its int8 bundle side by side, on the same images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import IntArray
from s2dnas.errors import DataError
from s2dnas.export.every_exit import BATCH
from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.image_check import checked_images
from s2dnas.runtime.session import Session


@dataclass(frozen=True)
class MeasuredPoint:
    """One bundle at one operating point: ``accuracy`` in [0, 1], None without labels, and (S,) shares of who leaves."""

    thresholds: tuple[float, ...]
    exit_share: tuple[float, ...]
    mean_macs: float
    accuracy: float | None


@dataclass(frozen=True)
class PointPair:
    """Both at one operating point. ``agreement`` is the share of images that get the same answer."""

    float32: MeasuredPoint
    int8: MeasuredPoint
    agreement: float


@dataclass(frozen=True)
class BundleSize:
    """Bytes of all stages' graphs, and of what stages hand on for one image."""

    graphs: int
    carried: int


@dataclass(frozen=True)
class Precisions:
    """What int8 changes, by operating point."""

    points: dict[str, PointPair]
    float32: BundleSize
    int8: BundleSize


def compare_precisions(
    float32: Bundle, int8: Bundle, images: npt.NDArray[np.float32], labels: npt.ArrayLike | None = None
) -> Precisions:
    """Answer images (N, C, H, W), better not those that int8 was calibrated on, with both. ``labels`` are (N,).

    Raises DataError for images that do not fit, or labels of another number.
    """
    images = checked_images(images, float32.manifest)
    truth = None if labels is None else np.asarray(labels)
    if not len(images) or (truth is not None and truth.shape != (len(images),)):
        found = "no labels" if truth is None else f"labels {truth.shape}"
        raise DataError(f"there are {len(images)} images and {found}; give images, and a label for each or none")
    sessions, points = (Session(float32), Session(int8)), {}
    for name in float32.manifest.points:
        first, second = (_measured(session, name, images, truth) for session in sessions)
        points[name] = PointPair(first[0], second[0], float(np.mean(first[1] == second[1])))
    return Precisions(points, _size(float32), _size(int8))


def _measured(
    session: Session, point: str, images: npt.NDArray[np.float32], truth: IntArray | None
) -> tuple[MeasuredPoint, IntArray]:
    answers = [session(images[start : start + BATCH], point) for start in range(0, len(images), BATCH)]
    labels = np.concatenate([some.labels for some in answers])
    left = np.bincount(np.concatenate([some.stages for some in answers]), minlength=session.num_stages)
    measured = MeasuredPoint(
        thresholds=session.bundle.point(point).thresholds,
        exit_share=tuple((left / len(labels)).tolist()),
        mean_macs=float(np.mean(np.concatenate([some.macs for some in answers]))),
        accuracy=None if truth is None else float(np.mean(labels == truth)),
    )
    return measured, labels


def _size(bundle: Bundle) -> BundleSize:
    graphs = sum(len(bundle.graph(stage)) for stage in bundle.manifest.stages)
    values = bundle.manifest.values.values()
    return BundleSize(graphs, sum(int(np.prod(value.shape)) * np.dtype(value.dtype).itemsize for value in values))
