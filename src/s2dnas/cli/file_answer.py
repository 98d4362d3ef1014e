"""The answer for one image file, and what files can be answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2dnas.errors import DataError


@dataclass(frozen=True)
class FileAnswer:
    """The answer for one file: a class, by number and name, a score in [0, 1], and the stage, from 1, that gave it."""

    file: str
    label: int
    class_name: str
    score: float
    stage: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return {
            "file": self.file,
            "label": self.label,
            "class": self.class_name,
            "score": self.score,
            "stage": self.stage,
        }


def require_files(paths: Sequence[Path]) -> None:
    """Raise DataError, which names it, if one of the paths is not that of a file."""
    for path in paths:
        if path.is_dir():
            raise DataError(f"{path} is a folder; give the files in it, such as {path}/*.png")
        if not path.is_file():
            raise DataError(f"{path} does not exist; give the paths of image files")
