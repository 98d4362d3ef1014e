"""The stages of a bundle, loaded into an engine."""

from collections.abc import Sequence
from dataclasses import dataclass

from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.engine import Engine, GraphProgram
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine


@dataclass(frozen=True, eq=False)
class Programs:
    """``stages[j]`` is the program of stage j and the names that it takes; ``needed_after[j]`` what later ones take."""

    engine: Engine
    stages: Sequence[tuple[GraphProgram, tuple[str, ...]]]
    needed_after: Sequence[tuple[str, ...]]


def load_programs(bundle: Bundle, engine: Engine | None = None) -> Programs:
    """All stages of a bundle. Raises ArtifactError if a file is damaged or the engine cannot load it."""
    engine = OnnxruntimeEngine() if engine is None else engine
    stages = [(engine.load(bundle.graph(stage)), stage.inputs) for stage in bundle.manifest.stages]
    return Programs(engine, stages, [bundle.manifest.needed_after(index) for index in range(len(stages))])
