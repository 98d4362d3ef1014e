"""Answer image files with a bundle, without torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2dnas.cli.file_answer import FileAnswer
from s2dnas.extras import require_extra
from s2dnas.pictures import picture_for
from s2dnas.runtime import Bundle, Session
from s2dnas.runtime.preparing import prepare


@dataclass(frozen=True, eq=False)
class BundleAnswering:
    """A bundle at one of its operating points."""

    session: Session
    point: str

    @staticmethod
    def opened(folder: Path, point: str | None) -> "BundleAnswering":
        """A bundle at an operating point, by default its first. Raises ArtifactError or SettingsError as it does."""
        bundle = Bundle.opened(folder)
        bundle.point(point)
        return BundleAnswering(Session(bundle), next(iter(bundle.manifest.points)) if point is None else point)

    def answer(self, files: Sequence[Path], batch: int) -> Iterator[FileAnswer]:
        """The answer for each file, in order, ``batch`` of them at once. Raises DataError if one cannot be read."""
        require_extra("report", "PIL")
        manifest = self.session.bundle.manifest
        for start in range(0, len(files), batch):
            some = files[start : start + batch]
            pixels = np.stack([picture_for({"path": str(file)}, manifest.image_shape) for file in some])
            found = self.session(prepare(pixels, manifest), self.point)
            parts = (found.labels.tolist(), found.scores.tolist(), found.stages.tolist())
            for file, label, score, stage in zip(some, *parts, strict=True):
                name = manifest.class_names[label] if manifest.class_names else str(label)
                yield FileAnswer(str(file), label, name, score, stage + 1)
