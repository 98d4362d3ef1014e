"""What every stage of a bundle says of every image, as if nobody left."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import FloatArray, IntArray
from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.programs import Programs, load_programs
from s2dnas.values import label_name, score_name

BATCH = 64


@dataclass(frozen=True, eq=False)
class EveryExit:
    """By one scoring: scores and labels, (S, N) each."""

    scores: FloatArray
    labels: IntArray


def every_exit(bundle: Bundle, images: npt.NDArray[np.float32]) -> tuple[EveryExit, ...]:
    """Of images (N, C, H, W), N > 0, by each scoring of a bundle. Raises ArtifactError if the bundle is damaged."""
    programs = load_programs(bundle)
    batches = [_answers(programs, images[start : start + BATCH]) for start in range(0, len(images), BATCH)]

    def joined(name: Callable[[int, int], str], scoring: int) -> npt.NDArray[Any]:
        names = [name(stage, scoring) for stage in range(len(programs.stages))]
        return np.stack([np.concatenate([batch[each] for batch in batches]) for each in names])

    scorings = range(len(bundle.manifest.scorings))
    return tuple(EveryExit(joined(score_name, scoring), joined(label_name, scoring)) for scoring in scorings)


def _answers(programs: Programs, images: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
    """By name, all that stages give and no stage takes, and more."""
    taken = {name for program in programs.stages for name in program.inputs}
    return {name: array for name, array in programs.run_all(images).items() if name not in taken}
