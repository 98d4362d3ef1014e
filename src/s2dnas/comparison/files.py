"""The files of a comparison: the settings that it was begun with, and what was found."""

from pathlib import Path
from typing import Any

from s2dnas.artifacts import read_json, replacing, write_json
from s2dnas.comparison.record import Comparison
from s2dnas.comparison.settings import CompareSettings
from s2dnas.config import validated
from s2dnas.errors import ArtifactError


def begin(settings: CompareSettings, folder: Path) -> None:
    """Write comparison.json; more seeds and methods may be added to a folder later.

    Raises ArtifactError if it was begun with other settings.
    """
    path = folder / "comparison.json"
    if path.exists():
        found = validated(read_json(path, "comparison"), CompareSettings)
        free = {"seeds": (), "methods": ()}
        if found.model_copy(update=free) != settings.model_copy(update=free):
            raise ArtifactError(f"{path.parent} holds a comparison with other settings; give another --out")
    write_json(path, "comparison", settings.model_dump(mode="json"))


def save_comparison(found: Comparison, folder: Path, plot: str, table: str) -> None:
    """Write compare.json for programs, compare.svg and compare.md."""
    write_json(folder / "compare.json", "compare", _content(found))
    for name, text in (("compare.svg", plot), ("compare.md", table)):
        with replacing(folder / name) as temporary:
            temporary.write_text(text)


def _content(found: Comparison) -> dict[str, Any]:
    accuracies = [static.accuracy for static in found.static]
    return {
        "model": found.model,
        "data": found.data,
        "static": {
            "accuracy": sum(accuracies) / len(accuracies),
            "macs": found.static[0].macs,
            "seeds": [static.model_dump(mode="json") for static in found.static],
        },
        "curves": [curve.model_dump(mode="json") for curve in found.curves],
        "not_applicable": [{"method": method, "reason": reason} for method, reason in found.not_applicable.items()],
        "settings": found.settings,
    }
