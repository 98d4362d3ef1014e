"""A run small enough to be repeated in many tests: a little CNN of the user's own on some hundred digits."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from s2dnas.data.images import ImageData
from s2dnas.data.splits import Splits
from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.settings import load_settings
from s2dnas.pipeline.start import Start
from s2dnas.pipeline.steps import STEPS, do

NET = """
from torch import nn

def make(num_classes, in_channels):
    first = nn.Sequential(nn.Conv2d(in_channels, 12, 3, stride=2, padding=1), nn.BatchNorm2d(12), nn.ReLU())
    second = nn.Sequential(nn.Conv2d(12, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(first, second, nn.Flatten(), nn.Linear(16, num_classes))
"""

SETTINGS = [
    "static.epochs=2", "shared.epochs=2", "train.epochs=2", "static.batch_size=64", "shared.batch_size=64",
    "train.batch_size=64", "search.evaluations=4", "search.batch=2",
    "space.min_width=2", "data.limit=300", "data.held_out=0.3", "augmentation.flip=false", "search.norm_images=64",
]  # fmt: skip


def write_net(folder: Path) -> str:
    """The small network in a file of its own, as the command line takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "net.py").write_text(NET)
    return f"{folder / 'net.py'}:make"


def open_small(folder: Path, *pairs: str) -> Run:
    """A run in a folder, which is made beside the network's file."""
    settings = load_settings(None, [*SETTINGS, *pairs])
    return open_run(folder / "run", Start(write_net(folder), "digits", None, settings))


def do_until(run: Run, last: str) -> Run:
    """All steps up to one."""
    for step in STEPS:
        do(run, step)
        if step == last:
            break
    return run


def variant_of(run: Run, folder: Path, *pairs: str) -> Run:
    """A run with the same static network and plan, whose other settings differ."""
    other = open_small(folder, *pairs)
    for name in ("static", "plan.json", "journal.jsonl"):
        source, copy = run.folder.path / name, shutil.copytree if (run.folder.path / name).is_dir() else shutil.copy
        copy(source, other.folder.path / name)
    return other


class WrongSplitError(AssertionError):
    """A step reads images that it must not know."""


def reading_only(run: Run, *allowed: str) -> Run:
    """The same run, whose other splits cannot be read."""

    class Guarded(SimpleNamespace):
        def __getattribute__(self, name: str) -> ImageData:
            if name in ("train", "search", "calibrate", "test") and name not in allowed:
                raise WrongSplitError(f"the {name} split is read")
            return cast(ImageData, super().__getattribute__(name))

    splits = run.feed.splits
    guarded = Guarded(**{name: getattr(splits, name) for name in ("train", "search", "calibrate", "test")})
    run.feed.__dict__["splits"] = cast(Splits, guarded)
    return run
