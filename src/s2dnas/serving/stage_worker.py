"""One stage of a bundle, in memory without the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import BoolArray, FloatArray, IntArray
from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.engine import Engine
from s2dnas.runtime.manifest import Manifest, ValueRecord
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.values import IMAGE, label_name, score_name

StageValues = Mapping[str, npt.NDArray[Any]]
"""Arrays (N, ...) by the names of ``values``, of the same samples in the same order."""


@dataclass(frozen=True, eq=False)
class StageVerdict:
    """Per sample (N,): what a stage answers, how sure it is, and whether the sample leaves with that answer."""

    labels: IntArray
    scores: FloatArray
    leaving: BoolArray

    def __len__(self) -> int:
        return len(self.labels)


class StageWorker:
    """Stage ``index``, from 0, at an operating point, by default the first.

    ``engine`` is onnxruntime on one thread of the CPU by default. It may be called from several threads at once.
    Raises ArtifactError if the stage's file is damaged, SettingsError for a point or a stage that there is not.
    """

    def __init__(self, bundle: Bundle, index: int, point: str | None = None, *, engine: Engine | None = None) -> None:
        chosen, stages = bundle.point(point), bundle.manifest.stages
        engine = OnnxruntimeEngine() if engine is None else engine
        self._program = engine.load(bundle.graph(stages[index]))
        self._inputs, self._needed = stages[index].inputs, bundle.manifest.needed_after(index)
        self._limit = None if index == len(stages) - 1 else chosen.thresholds[index]
        self._score, self._label = score_name(index, chosen.scoring), label_name(index, chosen.scoring)

    def __call__(self, parts: Sequence[StageValues]) -> tuple[StageVerdict, StageValues]:
        """The verdict on the samples of all parts, in order, and of those that stay what later stages need.

        What is given shares no memory with what was taken.
        """
        values = {name: _joined([part[name] for part in parts]) for name in parts[0]}
        arrays = self._program.run({name: values[name] for name in self._inputs})
        scores = arrays[self._score]
        leaving = np.ones(len(scores), np.bool_) if self._limit is None else scores >= self._limit
        known = values | arrays
        staying = {} if leaving.all() else {name: known[name][~leaving] for name in self._needed}
        return StageVerdict(arrays[self._label], scores, leaving), staying


def handed_bytes(manifest: Manifest, index: int) -> int:
    """What one sample weighs that goes on after stage ``index``, from 0: the values that later stages need."""
    image = ValueRecord(shape=manifest.image_shape, dtype=manifest.image_dtype)
    values = [image if name == IMAGE else manifest.values[name] for name in manifest.needed_after(index)]
    return sum(prod(value.shape) * np.dtype(value.dtype).itemsize for value in values)


def _joined(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(arrays[0]) if len(arrays) == 1 else np.concatenate(arrays)
