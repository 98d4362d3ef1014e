"""Measure every method for every seed, as far as that is not done yet."""

import logging
from collections.abc import Iterator
from pathlib import Path

from s2dnas.artifacts import read_json, write_json
from s2dnas.comparison.files import begin
from s2dnas.comparison.methods import measure
from s2dnas.comparison.record import Comparison, Control, MethodCurve
from s2dnas.comparison.settings import CompareSettings
from s2dnas.errors import ModelError
from s2dnas.pipeline.exits import on_test
from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run, Watch
from s2dnas.pipeline.start import Start
from s2dnas.pipeline.steps import do

_log = logging.getLogger(__name__)


def compare(settings: CompareSettings, folder: Path, watch: Watch) -> Iterator[Comparison]:
    """Train what is missing and measure it: what is known after each network of each seed.

    Finished parts are read, so a comparison that was killed goes on; their JSON files are enough for that.
    Raises ArtifactError if the folder holds a comparison with other settings.
    """
    begin(settings, folder)
    found = Comparison(
        model=settings.model,
        data=settings.data,
        static=(),
        curves=(),
        not_applicable={},
        settings=settings.model_dump(mode="json"),
    )
    for seed in settings.seeds:
        run = _opened(settings, seed, folder / f"seed-{seed}", watch)
        found = found.model_copy(update={"static": (*found.static, _control(run))})
        yield found
        for method in settings.methods:
            if method not in found.not_applicable:
                found = _with_method(found, method, run, settings)
                yield found


def _opened(settings: CompareSettings, seed: int, folder: Path, watch: Watch) -> Run:
    own = settings.run.model_copy(update={"seed": seed, "control": True})
    return open_run(folder, Start(settings.model, settings.data, settings.weights, own), watch)


def _with_method(found: Comparison, method: str, run: Run, settings: CompareSettings) -> Comparison:
    try:
        result = measure(method, run, settings)
    except ModelError as error:
        _log.info("%s does not apply: %s", method, error)
        return found.model_copy(update={"not_applicable": {**found.not_applicable, method: str(error)}})
    curve = MethodCurve(method=method, seed=run.settings.seed, **result.model_dump())
    return found.model_copy(update={"curves": (*found.curves, curve)})


def _control(run: Run) -> Control:
    """The control of a run, trained if it is not known yet."""
    path = run.folder.path / "control.json"
    if not path.exists():
        do(run, "static")
        do(run, "control")
        write_json(path, "control", _measured_control(run).model_dump(mode="json"))
    return Control.model_validate(read_json(path, "control"))


def _measured_control(run: Run) -> Control:
    return Control(
        seed=run.settings.seed,
        accuracy=on_test(run.feed, run.statics.after("control")),
        macs=run.statics.graph.macs,
        params=sum(p.numel() for p in run.statics.trained.parameters()),
        epochs=run.settings.from_scratch.epochs,
    )
