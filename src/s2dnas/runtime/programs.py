"""The stages of a bundle, loaded into an engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.errors import ArtifactError
from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.engine import Engine, GraphProgram
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.values import IMAGE, needed_later


@dataclass(frozen=True)
class ValueKind:
    """What one sample's part of a value is."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, eq=False)
class Programs:
    """``stages[j]`` is the program of stage j, ``needed_after[j]`` what later ones take, ``values`` all that there is.

    ``engine`` tells how they run.
    """

    engine: str
    stages: Sequence[GraphProgram]
    needed_after: Sequence[tuple[str, ...]]
    values: Mapping[str, ValueKind]

    def run_all(self, images: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
        """The images and all that stages give for them, by name, as if nobody left."""
        return _run_all(self.stages, images)


def load_programs(bundle: Bundle, engine: Engine | None = None) -> Programs:
    """All stages of a bundle, by default in onnxruntime on one thread of the CPU.

    Raises ArtifactError if a file is damaged or the engine cannot load it.
    """
    engine = OnnxruntimeEngine() if engine is None else engine
    stages = [engine.load(bundle.graph(stage)) for stage in bundle.manifest.stages]
    return chained(engine.name, stages, bundle.manifest.image_shape)


def chained(engine: str, stages: Sequence[GraphProgram], image_shape: tuple[int, ...]) -> Programs:
    """Programs of stages that take values of each other; what those are is learnt from one image of zeros.

    Raises ArtifactError if a stage cannot answer it.
    """
    try:
        arrays = _run_all(stages, np.zeros((1, *image_shape), np.float32))
    except Exception as error:  # of any engine
        raise ArtifactError(f"the stages cannot answer one image in {engine}: {error}") from error
    values = {name: ValueKind(array.shape[1:], array.dtype) for name, array in arrays.items()}
    needed = needed_later([stage.inputs for stage in stages], [(IMAGE, *stage.outputs) for stage in stages])
    return Programs(engine, stages, needed, values)


def _run_all(stages: Sequence[GraphProgram], images: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {IMAGE: images}
    for stage in stages:
        arrays |= stage.run({name: arrays[name] for name in stage.inputs})
    return arrays
