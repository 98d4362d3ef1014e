"""Measure every method for every seed, as far as that is not done yet, and write what was found."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from s2dnas.artifacts import read_json, replacing, write_json
from s2dnas.comparison.contenders import measure
from s2dnas.comparison.measured import Measured
from s2dnas.comparison.settings import CompareSettings
from s2dnas.config import validated
from s2dnas.errors import ArtifactError, ModelError
from s2dnas.pipeline.exits import on_test
from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run, Watch
from s2dnas.pipeline.start import Start
from s2dnas.pipeline.steps import do
from s2dnas.records import Record

_log = logging.getLogger(__name__)


class Static(Record):
    """The static network that all methods are compared with: trained for as many epochs as they are."""

    seed: int
    accuracy: float
    macs: int
    params: int
    epochs: int


class MethodCurve(Measured):
    """What one method reached with one seed."""

    method: str
    seed: int


class Comparison(Record):
    """All that was found so far: the static network, and the curve of each method, per seed."""

    model: str
    data: str
    static: tuple[Static, ...]
    curves: tuple[MethodCurve, ...]
    not_applicable: dict[str, str]
    settings: dict[str, JsonValue]

    @property
    def methods(self) -> Sequence[str]:
        """The methods that were measured, in the order of the settings."""
        return list(dict.fromkeys(curve.method for curve in self.curves))

    def of(self, method: str) -> Sequence[MethodCurve]:
        """A method's curves, one per seed."""
        return [curve for curve in self.curves if curve.method == method]


def compare(settings: CompareSettings, folder: Path, watch: Watch) -> Iterator[Comparison]:
    """Train what is missing and measure it: what is known after each network of each seed.

    Finished parts are read, so a comparison that was killed goes on; their JSON files are enough for that.
    Raises ArtifactError if the folder holds a comparison with other settings.
    """
    _same(settings, folder / "comparison.json")
    found = Comparison(
        model=settings.model,
        data=settings.data,
        static=(),
        curves=(),
        not_applicable={},
        settings=settings.model_dump(mode="json"),
    )
    for seed in settings.seeds:
        run = _open(settings, seed, folder / f"seed-{seed}", watch)
        found = found.model_copy(update={"static": (*found.static, _static(run))})
        yield found
        for method in settings.methods:
            if method not in found.not_applicable:
                found = _with(found, method, run, settings)
                yield found


def _with(found: Comparison, method: str, run: Run, settings: CompareSettings) -> Comparison:
    try:
        measured = measure(method, run, settings)
    except ModelError as error:
        _log.info("%s does not apply: %s", method, error)
        return found.model_copy(update={"not_applicable": {**found.not_applicable, method: str(error)}})
    curve = MethodCurve(method=method, seed=run.settings.seed, **measured.model_dump())
    return found.model_copy(update={"curves": (*found.curves, curve)})


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


def _same(settings: CompareSettings, path: Path) -> None:
    """Refuse a folder that was begun with other settings; more seeds and methods may be added to it."""
    if path.exists():
        found = validated(read_json(path, "comparison"), CompareSettings)
        free = {"seeds": (), "methods": ()}
        if found.model_copy(update=free) != settings.model_copy(update=free):
            raise ArtifactError(f"{path.parent} holds a comparison with other settings; give another --out")
    write_json(path, "comparison", settings.model_dump(mode="json"))


def _open(settings: CompareSettings, seed: int, folder: Path, watch: Watch) -> Run:
    own = settings.run.model_copy(update={"seed": seed, "control": True})
    return open_run(folder, Start(settings.model, settings.data, settings.weights, own), watch)


def _static(run: Run) -> Static:
    """The static network of a run, trained if it is not known yet."""
    path = run.folder.path / "control.json"
    if not path.exists():
        do(run, "static")
        do(run, "control")
        write_json(path, "control", _trained(run).model_dump(mode="json"))
    return Static.model_validate(read_json(path, "control"))


def _trained(run: Run) -> Static:
    settings = run.settings
    return Static(
        seed=settings.seed,
        accuracy=on_test(run.feed, run.statics.after("control")),
        macs=run.statics.graph.macs,
        params=sum(p.numel() for p in run.statics.trained.parameters()),
        epochs=settings.static.epochs + settings.continued.epochs,
    )
