"""A bundle: a folder with a manifest and the ONNX files that it names."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from s2dnas.artifacts import read_record
from s2dnas.errors import ArtifactError, SettingsError, nearest
from s2dnas.runtime.manifest import BUNDLE, MANIFEST_FILE, GraphFile, Manifest, PointRecord


@dataclass(frozen=True)
class Bundle:
    """A folder that ``s2dnas export`` wrote, its manifest read and checked."""

    folder: Path
    manifest: Manifest

    @staticmethod
    def opened(folder: Path | str) -> "Bundle":
        """The bundle in a folder. Raises ArtifactError if its manifest is missing, damaged or of another version."""
        folder = Path(folder)
        path = folder / MANIFEST_FILE
        if not path.is_file():
            raise ArtifactError(f"{folder} is no bundle, it has no {MANIFEST_FILE}; make one by 's2dnas export'")
        return Bundle(folder, read_record(path, BUNDLE, Manifest, "the manifest of a bundle", "export it again"))

    def graph(self, file: GraphFile) -> bytes:
        """The content of one of its files. Raises ArtifactError if it is missing or is not what was exported."""
        path = self.folder / file.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read ({error.strerror}); copy the whole bundle") from error
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise ArtifactError(f"{path} is not what was exported (another checksum); copy the bundle again")
        return content

    def point(self, name: str | None = None) -> PointRecord:
        """An operating point by name, the first one for None. Raises SettingsError if there is none of that name."""
        points = self.manifest.points
        if name is None:
            return next(iter(points.values()))
        if name not in points:
            raise SettingsError(f"{self.folder} has no operating point {name!r}{nearest(name, points)}")
        return points[name]


def is_bundle(folder: Path) -> bool:
    """Whether a path is that of a bundle, be it damaged or not."""
    return (folder / MANIFEST_FILE).is_file()
