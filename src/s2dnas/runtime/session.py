"""Answer images with a bundle: samples that are sure enough leave, the rest goes on in a smaller batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from s2dnas.errors import SettingsError
from s2dnas.runtime.blocked import blocked_programs
from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.engine import Engine
from s2dnas.runtime.image_check import checked_images
from s2dnas.runtime.leaving import run_stage
from s2dnas.runtime.manifest import PointRecord
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.runtime.programs import Programs, load_programs
from s2dnas.runtime.session_answers import SessionAnswers
from s2dnas.runtime.workspace import Workspace
from s2dnas.values import IMAGE


class Session:
    """A bundle in memory, ready to answer. It may be called from several threads at once.

    ``engine`` is onnxruntime on one thread of the CPU by default; it hands features over in its own layout where it can
    (``blocked_programs``), unless ``blocked`` is False. Answers are the same, and ``engine`` then says which it is.
    Every thread gets memory for the features of its largest batch. Raises ArtifactError if the bundle is damaged.
    """

    def __init__(self, bundle: Bundle | Path | str, *, engine: Engine | None = None, blocked: bool = True) -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else Bundle.opened(bundle)
        self.programs = _loaded(self.bundle, OnnxruntimeEngine() if engine is None else engine, blocked)
        self.macs = np.array([stage.macs for stage in self.bundle.manifest.stages])
        self._idle: list[Workspace] = []

    @property
    def num_stages(self) -> int:
        """S."""
        return len(self.macs)

    @property
    def engine(self) -> str:
        """What runs the stages, and how they hand features over if not in plain layout."""
        return self.programs.engine

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
        chosen, images = self.point(point, thresholds), checked_images(images, self.bundle.manifest)
        with self._workspace(len(images)) as workspace:
            workspace.values[IMAGE][: len(images)] = images
            if len(images) == 1:
                return self._one(workspace, chosen)
            return self._many(workspace, len(images), chosen)

    def point(self, name: str | None = None, thresholds: Sequence[float] | None = None) -> PointRecord:
        """An operating point of the bundle, with other thresholds if they are given. Raises SettingsError."""
        point = self.bundle.point(name)
        if thresholds is None:
            return point
        limits = tuple(float(threshold) for threshold in thresholds)
        if len(limits) != self.num_stages - 1 or not all(0 <= limit < np.inf for limit in limits):
            raise SettingsError(f"thresholds must be {self.num_stages - 1} numbers of at least 0, not {thresholds}")
        return PointRecord(scoring=point.scoring, thresholds=limits)

    @contextmanager
    def _workspace(self, count: int) -> Iterator[Workspace]:
        """One that no other thread uses, and that has room."""
        try:
            workspace = self._idle.pop()
        except IndexError:
            workspace = Workspace(self.programs, max(count, 1))
        if workspace.capacity < count:
            workspace = Workspace(self.programs, count)
        yield workspace
        self._idle.append(workspace)

    def _one(self, workspace: Workspace, point: PointRecord) -> SessionAnswers:
        """One image needs no rows to be told apart."""
        for stage in range(self.num_stages):
            left = run_stage(workspace, stage, 1, point)
            if left.mask[0]:
                break
        return SessionAnswers(left.labels, np.array([stage]), left.scores, self.macs[[stage]])

    def _many(self, workspace: Workspace, count: int, point: PointRecord) -> SessionAnswers:
        labels, stages, scores = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count)
        samples = np.arange(count)
        for stage in range(self.num_stages):
            if not len(samples):
                break
            left = run_stage(workspace, stage, len(samples), point)
            gone = samples[left.mask]
            labels[gone], stages[gone], scores[gone] = left.labels, stage, left.scores
            samples = samples[workspace.keep(stage, left.mask)]
        return SessionAnswers(labels, stages, scores, self.macs[stages])


def _loaded(bundle: Bundle, engine: Engine, blocked: bool) -> Programs:
    found = blocked_programs(bundle, engine) if blocked and isinstance(engine, OnnxruntimeEngine) else None
    return found or load_programs(bundle, engine)
