"""What the finished steps of a run left in its folder, read for the report."""

from dataclasses import dataclass

from s2dnas.artifacts import read_json
from s2dnas.exits import ExitRule, ExitTable
from s2dnas.pipeline.exits import rules
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.search import search_seconds
from s2dnas.pipeline.trials import trial_seconds
from s2dnas.search.journal import Entry, read_journal
from s2dnas.space.plan import Plan
from s2dnas.training.best_epoch import KeptEpoch
from s2dnas.training.checkpoint import EpochRecord, read_history, read_kept, training_seconds

_TRAININGS = ("static", "control", "shared", "train")


@dataclass(frozen=True, eq=False)
class FinishedSteps:
    """``calibrate`` and ``test``: what the dynamic network answers on these splits; accuracies in [0, 1].

    ``static_calibrate`` and ``static_test`` are the static network's accuracies there, ``control_test`` the control's,
    if there is one. ``rules`` and ``unreached``, the reasons, by target. ``history`` holds the epochs of each training,
    none for one that was left out, ``kept`` the best epoch of those that were validated; ``seconds`` by step,
    ``trial_seconds`` those of them that finalists took.
    """

    calibrate: ExitTable
    test: ExitTable
    static_calibrate: float
    static_test: float
    control_test: float | None
    rules: dict[str, ExitRule]
    unreached: dict[str, str]
    plan: Plan
    entries: list[Entry]
    history: dict[str, list[EpochRecord]]
    kept: dict[str, KeptEpoch]
    seconds: dict[str, float]
    trial_seconds: float

    def training_seconds(self, step: str) -> float:
        """How long a training took; 0 for one that was left out."""
        return self.seconds.get(step, 0.0)


def read_finished(folder: RunFolder) -> FinishedSteps:
    """Everything that a report is made of. Raises ArtifactError if a step before the report has not run."""
    calibrated = read_json(folder.finished("rules.json"), "rules")
    evaluated = read_json(folder.finished("static.json"), "static")
    history = {step: _history(folder, step) for step in _TRAININGS}
    return FinishedSteps(
        calibrate=ExitTable.load(folder.finished("calibrate.npz")),
        test=ExitTable.load(folder.finished("test.npz")),
        static_calibrate=calibrated["static_accuracy"],
        static_test=evaluated["static"],
        control_test=evaluated.get("control"),
        rules=rules(folder),
        unreached=calibrated["unreached"],
        plan=Plan.load(folder.finished("plan.json")),
        entries=read_journal(folder.finished("journal.jsonl")),
        history=history,
        kept=_kept(folder),
        seconds={
            **{step: training_seconds(records) for step, records in history.items() if records},
            "search": search_seconds(folder),
            "calibrate": calibrated["seconds"],
            "evaluate": evaluated["seconds"],
        },
        trial_seconds=trial_seconds(folder),
    )


def _history(folder: RunFolder, step: str) -> list[EpochRecord]:
    path = folder.checkpoint(step)
    return read_history(path) if path.exists() else []


def _kept(folder: RunFolder) -> dict[str, KeptEpoch]:
    paths = {step: folder.checkpoint(step) for step in _TRAININGS}
    found = {step: read_kept(path) for step, path in paths.items() if path.exists()}
    return {step: kept for step, kept in found.items() if kept is not None}
