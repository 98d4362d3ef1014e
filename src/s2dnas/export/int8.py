"""A bundle in int8: quantised as a whole, cut into stages again, its thresholds set anew."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.errors import DataError, SettingsError
from s2dnas.export.bundling import publish, write_graph
from s2dnas.export.cutting_stages import CutGraphs, cut_stages
from s2dnas.export.every_exit import every_exit
from s2dnas.export.moved_thresholds import moved_thresholds
from s2dnas.export.quantised_graph import quantised_graph
from s2dnas.export.single_file import single_file
from s2dnas.export.timed import with_milliseconds
from s2dnas.extras import require_extra
from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.image_check import checked_images
from s2dnas.runtime.manifest import GraphFile, Manifest, PointRecord, StageFile
from s2dnas.runtime.whole_graph import own_graph, whole_graph


def quantise(
    bundle: Bundle, images: npt.NDArray[np.float32], folder: Path | str, *, timed: Sequence[int] = ()
) -> Bundle:
    """Write a float32 bundle in int8 into another folder, calibrated on images (N, C, H, W), normalised as in training.

    Some hundred images that the network was not trained on will do; those that its thresholds were chosen on are best,
    for the thresholds are moved: on these images as many leave at each stage, at each operating point, as they do in
    float32. What a point promised beyond that, a certified accuracy, is not promised of the int8 scores.
    The single file and the static network go along, in int8; ``timed`` as in ``export``.

    Raises SettingsError if the bundle is in int8 already or ``folder`` is its own, DataError for images that do not fit
    or are not finite, ModelError if onnxruntime cannot quantise a graph, ArtifactError if the bundle is damaged.
    """
    require_extra("export")
    import onnxruntime

    folder = Path(folder)
    images = _checked(bundle, images, folder)
    whole = whole_graph(bundle)
    cut = cut_stages(whole, quantised_graph(whole.model, images), bundle.manifest)
    content = {
        "versions": bundle.manifest.versions | {"onnxruntime": onnxruntime.__version__},
        "precision": "int8",
        "stages": _write_stages(folder, bundle.manifest, cut),
        "single": None,
        "static": _write_static(folder, bundle, images),
        "values": cut.values,
    }
    unmoved = Bundle(folder, _with(bundle.manifest, content))
    points = _moved_points(bundle, unmoved, images)
    moved = _with(unmoved.manifest, {"points": points, "single": _write_single(folder, bundle.manifest, cut, points)})
    return publish(with_milliseconds(Bundle(folder, moved), timed))


def _checked(bundle: Bundle, images: npt.NDArray[np.float32], folder: Path) -> npt.NDArray[np.float32]:
    if bundle.manifest.precision != "float32":
        raise SettingsError(f"{bundle.folder} is in {bundle.manifest.precision} already; give the float32 bundle")
    if folder.resolve() == bundle.folder.resolve():
        raise SettingsError(f"{folder} is the float32 bundle's own folder; give another one for the int8 bundle")
    images = checked_images(images, bundle.manifest)
    if not len(images):
        raise DataError("there are no images to calibrate int8 on; give some hundred that were held out of training")
    if not np.isfinite(images).all():
        raise DataError("images to calibrate int8 on hold values that are not finite; leave those images out")
    return images


def _with(manifest: Manifest, content: Mapping[str, Any]) -> Manifest:
    """Another manifest with some parts replaced, checked as a whole."""
    return Manifest.model_validate(dict(manifest) | dict(content))


def _write_stages(folder: Path, manifest: Manifest, cut: CutGraphs) -> tuple[StageFile, ...]:
    files = []
    for number, (file, graph) in enumerate(zip(manifest.stages, cut.stages, strict=True), start=1):
        written = write_graph(folder, f"stage{number}", graph, file.macs)
        files.append(file.model_copy(update=dict(written)))
    return tuple(files)


def _write_static(folder: Path, bundle: Bundle, images: npt.NDArray[np.float32]) -> GraphFile | None:
    if (file := bundle.manifest.static) is None:
        return None
    graph = quantised_graph(own_graph(bundle.graph(file), ""), images)
    return write_graph(folder, "static", graph, file.macs)


def _write_single(
    folder: Path, manifest: Manifest, cut: CutGraphs, points: Mapping[str, PointRecord]
) -> GraphFile | None:
    if manifest.single is None:
        return None
    return write_graph(folder, "single", single_file(cut.stages, next(iter(points.values()))), manifest.single.macs)


def _moved_points(float32: Bundle, int8: Bundle, images: npt.NDArray[np.float32]) -> dict[str, PointRecord]:
    before, after = every_exit(float32, images), every_exit(int8, images)
    points = {}
    for name, point in float32.manifest.points.items():
        scores = before[point.scoring].scores, after[point.scoring].scores
        moved = moved_thresholds(point.thresholds, *scores)
        points[name] = point.model_copy(update={"thresholds": moved})
    return points
