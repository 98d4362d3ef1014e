"""Open a run folder: a new one, whose start is checked before anything is written, or one that is there."""

import json
import logging
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
from s2dnas.profile.machine import processor
from s2dnas.profile.table import LatencyTable
from s2dnas.training.compute import Compute, device_for

_log = logging.getLogger(__name__)


def open_run(folder: Path, start: Start | None, watch: Watch = unwatched) -> Run:
    """The run of a folder: a new one if ``start`` is given and none is there.

    Raises ArtifactError if there is none and ``start`` is None, or if the folder was started with something else, and
    whatever ``check`` raises.
    """
    path = folder / "run.json"
    if path.exists():
        run = _assembled(folder, _found(path, start), watch)
        if start is not None:
            _refuse_other_latencies(run, start)
        return run
    if start is None:
        raise ArtifactError(f"{folder} is not a run folder; start one with 's2dnas run MODEL DATA --out {folder}'")
    run = _assembled(folder, start, watch)
    table = _table(start)
    check(run.settings, run.feed, run.statics, table)
    if table is not None:
        table.save(run.folder.latencies)
    write_json(path, "run", start.to_dict())
    return run


def _assembled(folder: Path, start: Start, watch: Watch) -> Run:
    own, compute = RunFolder(folder), _compute(start.settings.device)
    feed = DataFeed(start.data, start.settings, compute.device)
    statics = StaticNetworks(start, own, feed)
    study = Study(statics, feed, start.settings.space, start.settings.min_width)
    return Run(own, start, watch, compute, feed, statics, study)


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


def _table(start: Start) -> LatencyTable | None:
    """The latencies that a run is started with; it is said if they belong to another machine."""
    if (name := start.settings.latency.table) is None:
        return None
    table = LatencyTable.load(Path(name))
    if table.processor != processor():
        _log.warning("the latencies of %s were measured on %s, this is %s", name, table.processor, processor())
    return table


def _refuse_other_latencies(run: Run, start: Start) -> None:
    """Raise ArtifactError if the file of latencies is not what it was; a run goes on with those it was started with."""
    name = start.settings.latency.table
    if name is not None and Path(name).exists() and _table(start) != run.latencies:
        raise ArtifactError(
            f"{run.folder.path} was started with other latencies than {name} holds now; give another --out, or use "
            "'s2dnas resume'"
        )
