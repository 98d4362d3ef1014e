"""Measure how long the network of a run takes, beside the static one."""

import logging
from importlib.util import find_spec

import numpy as np

from s2dnas.artifacts import read_record, write_json
from s2dnas.errors import ArtifactError, ModelError
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.run import Run
from s2dnas.profile.engines import THREADS, ProfiledEngine, profiled_engine
from s2dnas.profile.machine import processor
from s2dnas.profile.timing import least_milliseconds
from s2dnas.report.content import LatencyRecord, StageTimes
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet, build

_log = logging.getLogger(__name__)

BATCHES = (1, 64)
_SECONDS = 1.0
"""For each size of the batch."""


def measure_times(run: Run) -> None:
    """Time each stage and the static network, in turn, in batches of 1 and of 64; times.json holds what was found.

    The engine is onnxruntime where it is installed and can run the network, else PyTorch; the report names it.
    """
    network, static = run.networks.trained().cpu(), build(run.statics.graph, Plan(1, {}, {})).cpu()
    record = None
    if find_spec("onnxruntime") and find_spec("onnx"):
        try:
            record = _measured(profiled_engine("onnxruntime"), network, static)
        except (ModelError, ArtifactError) as error:
            _log.warning("onnxruntime does not run the network, it is timed in PyTorch: %s", error)
    record = record or _measured(profiled_engine("pytorch"), network, static)
    write_json(run.folder.path / "times.json", "times", record.model_dump(mode="json"))


def read_times(folder: RunFolder) -> LatencyRecord:
    """What ``measure_times`` found. Raises ArtifactError if it has not run, or the file is damaged."""
    path = folder.finished("times.json")
    return read_record(path, "times", LatencyRecord, "a record of times", "repeat the step that wrote it")


def _measured(engine: ProfiledEngine, network: MultiStageNet, static: MultiStageNet) -> LatencyRecord:
    times = tuple(_timed(engine, network, static, batch) for batch in BATCHES)
    return LatencyRecord(engine=engine.name, processor=processor(), threads=THREADS, times=times)


def _timed(engine: ProfiledEngine, network: MultiStageNet, static: MultiStageNet, batch: int) -> StageTimes:
    """All that run in turn, so that what else the machine does falls on all of them."""
    runs = [*engine.stages(static, batch), *engine.stages(network, batch)]
    of_static, *of_stages = (each / batch for each in least_milliseconds(runs, _SECONDS))
    return StageTimes(batch=batch, static=of_static, stages=tuple(np.cumsum(of_stages).tolist()))
