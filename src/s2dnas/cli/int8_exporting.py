"""From a bundle to its int8 bundle: with images of the run that it is of, or of a folder."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from s2dnas.arrays import Images
from s2dnas.data.images import ImageData
from s2dnas.errors import DataError, SettingsError
from s2dnas.export.int8 import quantise
from s2dnas.export.precisions import Precisions, compare_precisions
from s2dnas.pictures import picture_for
from s2dnas.pipeline.feed import DataFeed
from s2dnas.pipeline.opening import open_run
from s2dnas.runtime import Bundle
from s2dnas.runtime.preparing import prepare

CALIBRATION_IMAGES = 512
"""More made no difference."""

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"}


def export_int8(
    bundle: Bundle, network: Path, images: Path | None, folder: Path, timed: Sequence[int]
) -> tuple[Bundle, Precisions]:
    """The int8 bundle, calibrated on images that no weights were fitted to, and how it answers beside float32.

    ``images`` is a folder of image files; without it, those of the run's calibration split are taken, and the answers
    are those to its test split. Raises SettingsError where there is neither.
    """
    if images is not None:
        found = _of_folder(images, bundle)
        made = quantise(bundle, found, folder, timed=timed)
        return made, compare_precisions(bundle, made, found)
    run = network.parent
    if not (run / "run.json").exists():
        raise SettingsError(
            f"int8 is calibrated on images, and {network} is not the network of a run; give a folder of image files "
            "that it was not trained on as --calibration"
        )
    feed = open_run(run, None).feed
    held_out, test = feed.splits.calibrate, feed.splits.test
    first = held_out.subset(torch.arange(min(CALIBRATION_IMAGES, len(held_out))))
    made = quantise(bundle, _arrays(feed, first), folder, timed=timed)
    return made, compare_precisions(bundle, made, _arrays(feed, test), test.labels.numpy())


def int8_lines(found: Precisions) -> Iterator[str]:
    """Both precisions for people, a line per operating point."""
    ratio = found.float32.carried / max(1, found.int8.carried)
    yield f"int8: graphs {found.float32.graphs / found.int8.graphs:.1f} times, hand-over {ratio:.1f} times as small"
    for name, pair in found.points.items():
        shares = " / ".join(f"{share:.0%}" for share in pair.int8.exit_share)
        before = " / ".join(f"{share:.0%}" for share in pair.float32.exit_share)
        right = ""
        if pair.int8.accuracy is not None and pair.float32.accuracy is not None:
            right = f"accuracy {pair.int8.accuracy:.2%} (float32 {pair.float32.accuracy:.2%}), "
        yield f"  {name}: {right}exits {shares} ({before}), {pair.agreement:.1%} answered alike"


def _of_folder(folder: Path, bundle: Bundle) -> Images:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)[:CALIBRATION_IMAGES]
    if not files:
        raise DataError(f"{folder} holds no image files; give a folder of images that the network was not trained on")
    pixels = [picture_for({"path": str(file)}, bundle.manifest.image_shape) for file in files]
    return prepare(np.stack(pixels), bundle.manifest)


def _arrays(feed: DataFeed, data: ImageData) -> Images:
    return np.concatenate([images.cpu().contiguous().numpy() for images, _ in feed.plain(data)])
