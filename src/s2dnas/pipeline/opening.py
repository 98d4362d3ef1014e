"""Open a run folder: a new one, whose start is checked before anything is written, or one that is there."""

import json
from pathlib import Path

import torch

from s2dnas.artifacts import read_json, write_json
from s2dnas.errors import ArtifactError
from s2dnas.pipeline.check import check
from s2dnas.pipeline.feed import DataFeed
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.run import Run, Watch, unwatched
from s2dnas.pipeline.settings import DeviceSettings
from s2dnas.pipeline.start import Start
from s2dnas.pipeline.statics import StaticNetworks
from s2dnas.pipeline.study import Study
from s2dnas.training.compute import Compute, device_for


def open_run(folder: Path, start: Start | None, watch: Watch = unwatched) -> Run:
    """The run of a folder: a new one if ``start`` is given and none is there.

    Raises ArtifactError if there is none and ``start`` is None, or if the folder was started with something else, and
    whatever ``check`` raises.
    """
    path = folder / "run.json"
    if path.exists():
        return _assembled(folder, _found(path, start), watch)
    if start is None:
        raise ArtifactError(f"{folder} is not a run folder; start one with 's2dnas run MODEL DATA --out {folder}'")
    run = _assembled(folder, start, watch)
    check(run.settings, run.feed, run.statics)
    write_json(path, "run", start.to_dict())
    return run


def _assembled(folder: Path, start: Start, watch: Watch) -> Run:
    own, compute = RunFolder(folder), _compute(start.settings.device)
    feed = DataFeed(start.data, start.settings, compute.device)
    statics = StaticNetworks(start, own, feed)
    return Run(own, start, watch, compute, feed, statics, Study(statics, feed, start.settings.space))


def _compute(settings: DeviceSettings) -> Compute:
    """The device that networks run on, and the precision of their training."""
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    return Compute(device_for(settings.accelerator), settings.precision)


def _found(path: Path, start: Start | None) -> Start:
    """What a run was started with. Raises ArtifactError if that is something else than ``start``."""
    try:
        found = Start.from_dict(read_json(path, "run"))
    except KeyError as error:
        raise ArtifactError(f"{path} lacks {error}; start a new run folder") from error
    if start is not None and start != found:
        old, new = json.dumps(found.to_dict()), json.dumps(start.to_dict())
        raise ArtifactError(
            f"{path.parent} was started with {old}, not with {new}; give another --out, or use 's2dnas resume'"
        )
    return found
