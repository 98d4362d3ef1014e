"""Which samples leave after a stage, and with what."""

from dataclasses import dataclass

import numpy as np

from s2dnas.arrays import BoolArray, FloatArray, IntArray
from s2dnas.runtime.manifest import PointRecord
from s2dnas.runtime.workspace import Workspace
from s2dnas.values import label_name, score_name


@dataclass(frozen=True, eq=False)
class Leaving:
    """``mask`` (N,) tells who leaves; ``labels`` and ``scores`` are those of them."""

    mask: BoolArray
    labels: IntArray
    scores: FloatArray


def run_stage(workspace: Workspace, stage: int, count: int, point: PointRecord) -> Leaving:
    """Let a stage answer the first ``count`` rows. After the last one all leave; a NaN never does before."""
    workspace.run(stage, count)
    scores = workspace.values[score_name(stage, point.scoring)][:count]
    labels = workspace.values[label_name(stage, point.scoring)][:count]
    last = stage == len(point.thresholds)
    mask = np.ones(count, np.bool_) if last else scores >= point.thresholds[stage]
    return Leaving(mask, labels[mask], scores[mask])
