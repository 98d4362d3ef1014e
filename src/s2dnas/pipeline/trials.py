"""Settle a search: train the finalists for a little while, and take the best of them by then."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from s2dnas.artifacts import write_json
from s2dnas.pipeline.folder import CHECKPOINT, RunFolder
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import fit_plan
from s2dnas.search.journal import Entry, Score
from s2dnas.search.loop import best_entry
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet
from s2dnas.training.checkpoint import read_history, training_seconds


def train_finalist(run: Run, plan: Plan) -> MultiStageNet:
    """The network of a plan after its trial, which can be resumed."""
    net = run.networks.starting(plan, run.settings.start)
    fit_plan(run, f"trials/{plan.key}", net, run.settings.search.trial)
    return run.networks.built(net)


def choose_finalist(folder: RunFolder, finalists: Sequence[Entry], evaluate: Callable[[Plan], Score]) -> Plan:
    """The plan of the highest reward by ``evaluate``, after its trial. trials.json holds what was found."""
    if len(finalists) == 1:
        return finalists[0].plan
    after = [replace(entry, score=evaluate(entry.plan)) for entry in finalists]
    found = [
        {"plan": entry.plan.to_dict(), "before": asdict(entry.score), "after": asdict(trained.score)}
        for entry, trained in zip(finalists, after, strict=True)
    ]
    write_json(folder.path / "trials.json", "trials", {"trials": found})
    return best_entry(after).plan


def trial_seconds(folder: RunFolder) -> float:
    """How long the finalists were trained, all together."""
    return sum(training_seconds(read_history(path)) for path in folder.path.glob(f"trials/*/{CHECKPOINT}"))
