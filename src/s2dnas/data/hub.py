"""Data sets that Hugging Face ``datasets`` reads: its hub, folders of data files, folders of images."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from s2dnas.data.decode import stack
from s2dnas.data.images import ImageData, Source
from s2dnas.data.tables import columns_of, images_of, labels_of, limited, table_of
from s2dnas.errors import DataError
from s2dnas.extras import require_extra

_TEST_NAMES = ("test", "validation", "valid")
_IMAGE_FOLDER = "imagefolder:"


def load_hub(spec: str, size: int | None, limit: int | None) -> Source:
    """The data set that ``spec`` names: ``imagefolder:DIR``, a folder of data files, or a name on the hub.

    Raises DataError if it cannot be loaded, has no test split, or its images or labels cannot be used, and
    MissingExtraError without ``datasets`` and Pillow.
    """
    require_extra("data", "datasets", "huggingface_hub", "PIL")
    tables = _read(spec)
    try:
        return _source(tables, spec, size, limit)
    except DataError as error:
        raise DataError(f"data set {spec!r}: {error}") from error


def _source(tables: Mapping[str, Any], spec: str, size: int | None, limit: int | None) -> Source:
    parts = [limited(table_of(tables, names), limit) for names in (("train",), _TEST_NAMES)]
    columns = columns_of(parts[0].features)
    labels, class_names = labels_of(parts, columns)
    images = [images_of(part, columns, size) for part in parts]
    grey = all(image.ndim == 2 for part in images for image in part)
    train, test = (ImageData(stack(x, grey=grey), y, class_names) for x, y in zip(images, labels, strict=True))
    return Source(train, test, spec)


def _read(spec: str) -> Mapping[str, Any]:
    import datasets

    if spec.startswith(_IMAGE_FOLDER):
        arguments = {"path": "imagefolder", "data_dir": _folder(spec.removeprefix(_IMAGE_FOLDER))}
    else:
        arguments = {"path": _folder(spec) if _is_path(spec) else spec}
    try:
        with _quietly():
            return dict(datasets.load_dataset(**arguments))
    # The network and the readers of many formats fail in ways that only they know.
    except Exception as error:
        raise DataError(
            f"data set {spec!r} cannot be loaded ({type(error).__name__}: {error}); "
            "give 'digits', an existing folder, 'imagefolder:DIR', or a name on the Hugging Face hub (and a connection)"
        ) from error


def _is_path(spec: str) -> bool:
    return Path(spec).expanduser().exists() or spec.startswith((".", "/", "~")) or spec.count("/") > 1


def _folder(path: str) -> str:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise DataError(f"{path!r} is not a folder; give the folder that holds the data set")
    return str(folder)


@contextmanager
def _quietly() -> Iterator[None]:
    """A context without progress bars, in which the hub is not told what is loaded."""
    import datasets
    from huggingface_hub import constants

    silent = datasets.are_progress_bars_disabled()
    counting, untold = datasets.config.HF_UPDATE_DOWNLOAD_COUNTS, constants.HF_HUB_DISABLE_TELEMETRY
    datasets.disable_progress_bars()
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS, constants.HF_HUB_DISABLE_TELEMETRY = False, True
    try:
        yield
    finally:
        datasets.config.HF_UPDATE_DOWNLOAD_COUNTS, constants.HF_HUB_DISABLE_TELEMETRY = counting, untold
        if not silent:
            datasets.enable_progress_bars()
