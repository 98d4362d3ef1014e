"""Settle a search: train the finalists for a little while, and take the best of them by then."""

from collections.abc import Sequence
from dataclasses import asdict

from s2dnas.artifacts import write_json
from s2dnas.evaluation.collect import Batches, collect
from s2dnas.pipeline.networks import built, starting
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import fit_plan
from s2dnas.search.evaluators import Objective
from s2dnas.search.journal import Entry, Score
from s2dnas.space.plan import Plan


def winner(run: Run, finalists: Sequence[Entry], objective: Objective, batches: Batches) -> Plan:
    """The plan of the highest reward after its trial; each trial can be resumed. trials.json holds what was found."""
    if len(finalists) == 1:
        return finalists[0].plan
    scores = [_trial(run, entry.plan, objective, batches) for entry in finalists]
    found = [
        {"plan": entry.plan.to_dict(), "before": asdict(entry.score), "after": asdict(score)}
        for entry, score in zip(finalists, scores, strict=True)
    ]
    write_json(run.folder / "trials.json", "trials", {"trials": found})
    best = max(range(len(scores)), key=lambda index: scores[index].reward)
    return finalists[best].plan


def _trial(run: Run, plan: Plan, objective: Objective, batches: Batches) -> Score:
    net = starting(run, plan, run.settings.start)
    fit_plan(run, f"trials/{plan.key}", net, run.settings.search.trial)
    return objective.score(collect(built(run, net), batches, objective.confidence))
