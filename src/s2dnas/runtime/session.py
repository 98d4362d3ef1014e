"""Answer images with a bundle: samples that are sure enough leave, the rest goes on in a smaller batch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.errors import SettingsError
from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.engine import Engine
from s2dnas.runtime.image_check import checked_images
from s2dnas.runtime.programs import Programs, load_programs
from s2dnas.runtime.session_answers import SessionAnswers
from s2dnas.runtime.store import Store
from s2dnas.values import IMAGE, label_name, score_name


class Session:
    """A bundle in memory, ready to answer. It may be called from several threads at once.

    ``engine`` is onnxruntime on one thread of the CPU by default. Raises ArtifactError if the bundle is damaged.
    """

    def __init__(self, bundle: Bundle | Path | str, *, engine: Engine | None = None) -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else Bundle.opened(bundle)
        self._programs: Programs = load_programs(self.bundle, engine)
        self._macs = np.array([stage.macs for stage in self.bundle.manifest.stages])

    @property
    def num_stages(self) -> int:
        """S."""
        return len(self._macs)

    def __call__(
        self,
        images: npt.NDArray[np.float32],
        point: str | None = None,
        *,
        thresholds: Sequence[float] | None = None,
    ) -> SessionAnswers:
        """Answer images (N, C, H, W), normalised as in training, at an operating point, by default the first.

        ``thresholds`` (S - 1,) take the place of the point's. A score that is NaN never lets an image leave early.
        Raises DataError for images of another shape or type, SettingsError for a point that there is not.
        """
        chosen = self.bundle.point(point)
        limits = self._limits(chosen.thresholds if thresholds is None else thresholds)
        images = checked_images(images, self.bundle.manifest)
        if len(images) == 1:
            return self._one(images, chosen.scoring, limits)
        return self._many(images, chosen.scoring, limits)

    def _limits(self, thresholds: Sequence[float]) -> list[float]:
        limits = [float(threshold) for threshold in thresholds]
        if len(limits) != self.num_stages - 1 or not all(0 <= limit < np.inf for limit in limits):
            raise SettingsError(f"thresholds must be {self.num_stages - 1} numbers of at least 0, not {thresholds}")
        return limits

    def _one(self, images: npt.NDArray[Any], scoring: int, limits: Sequence[float]) -> SessionAnswers:
        """One image needs no rows to be told apart: natives go from stage to stage as they are."""
        engine, natives = self._programs.engine, {}
        natives[IMAGE] = engine.native(images)
        for index, (program, inputs) in enumerate(self._programs.stages):
            natives |= program.run({name: natives[name] for name in inputs})
            score = float(engine.array(natives[score_name(index, scoring)])[0])
            if index == len(limits) or score >= limits[index]:
                break
        label = int(engine.array(natives[label_name(index, scoring)])[0])
        return SessionAnswers(np.array([label]), np.array([index]), np.array([score]), self._macs[[index]])

    def _many(self, images: npt.NDArray[Any], scoring: int, limits: Sequence[float]) -> SessionAnswers:
        engine, count = self._programs.engine, len(images)
        labels, stages, scores = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count)
        store = Store(engine, {IMAGE: images}, count)
        for index, (program, inputs) in enumerate(self._programs.stages):
            if not len(store.samples):
                break
            given = program.run(store.natives(inputs))
            sure = engine.array(given[score_name(index, scoring)])
            leaving = np.ones(len(sure), np.bool_) if index == len(limits) else sure >= limits[index]
            gone = store.samples[leaving]
            labels[gone] = engine.array(given[label_name(index, scoring)])[leaving]
            stages[gone], scores[gone] = index, sure[leaving]
            store.add(given)
            store.keep(self._programs.needed_after[index], leaving)
        return SessionAnswers(labels, stages, scores, self._macs[stages])
