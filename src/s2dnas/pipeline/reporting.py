"""Gather what a run's steps left behind in one report."""

import platform
import shlex
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from s2dnas.calibration import frontier, rule_curve
from s2dnas.config import changed
from s2dnas.data.splits import Splits
from s2dnas.exits import ExitRule, ExitTable, operating_point
from s2dnas.graph.channels import ChannelGraph
from s2dnas.pipeline.finished import FinishedSteps, read_finished
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.galleries import galleries
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.settings import Settings
from s2dnas.pipeline.start import Start
from s2dnas.pipeline.timing import read_times
from s2dnas.pipeline.training import plan_rate
from s2dnas.pipeline.uniform import UniformComparison, read_comparison
from s2dnas.report.content import ReportContent
from s2dnas.report.write import write_report
from s2dnas.space.alignment import slow_widths
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet
from s2dnas.training.best_epoch import KeptEpoch
from s2dnas.training.checkpoint import EpochRecord

Content = dict[str, Any]


def compile_report(run: Run) -> None:
    """Write report.html, report.json and the plots. Raises ArtifactError if a step before has not run."""
    finished = read_finished(run.folder)
    content = {
        **_origin(run.folder, run.start),
        "static": _static(run, finished),
        "static_control": _control(finished),
        "warnings": [
            *_warnings(finished, run.feed.splits),
            *_useless(finished.kept),
            *filter(None, [slow_widths(run.study.graph, finished.plan)]),
        ],
        **_dynamic(run, finished),
        "search": {
            **_search(finished, run.settings, run.pricing.cost.unit),
            **_comparison(read_comparison(run.folder)),
            "preferences": _preferences(finished),
        },
        "latency": read_times(run.folder).model_dump(),
        "training": _training(run, finished),
        "seconds": finished.seconds,
        "plan": _plan(finished.plan, run.study.graph),
        "whole": [vars(whole) for whole in run.study.graph.whole],
        "hardware": f"{run.compute.device}, {platform.machine()}, {torch.get_num_threads()} threads",
    }
    rule = next(iter(finished.rules.values()), None)
    shown = galleries(run.feed.splits.test, finished.test, rule) if rule else (None, None)
    write_report(run.folder.path, ReportContent.model_validate(content), *shown)


def _origin(folder: RunFolder, start: Start) -> Content:
    """What the run was started with, and by which software."""
    return {
        "model": start.model,
        "data": start.data,
        "command": _command(folder, start),
        "seed": start.settings.seed,
        "settings": start.settings.model_dump(mode="json"),
        "versions": {name: version(name) for name in ("s2dnas", "torch", "numpy")},
    }


def _command(folder: RunFolder, start: Start) -> str:
    """What starts the same run, settings spelt out: it needs no file of settings."""
    weights = ["--weights", start.weights] if start.weights else []
    pairs = changed(start.settings)
    if start.weights and start.settings.static.epochs == 0:
        pairs.remove("static.epochs=0")  # the default with weights
    return shlex.join(["s2dnas", "run", start.model, start.data, "--out", str(folder.path), *weights, *pairs])


def _static(run: Run, finished: FinishedSteps) -> Content:
    return {
        "accuracy": finished.static_test,
        "calibrate_accuracy": finished.static_calibrate,
        "macs": run.statics.graph.macs,
        "params": sum(p.numel() for p in run.statics.trained.parameters()),
        "seconds": finished.training_seconds("static"),
        "epochs": len(finished.history["static"]),
        "given_weights": run.start.weights is not None,
    }


def _control(finished: FinishedSteps) -> Content | None:
    if finished.control_test is None:
        return None
    return {
        "accuracy": finished.control_test,
        "epochs": len(finished.history["control"]),
        "seconds": finished.training_seconds("control"),
    }


def _warnings(finished: FinishedSteps, splits: Splits) -> list[str]:
    """A static network that knows the calibration split is surer there than on unseen samples, by over 3 sigma."""
    test, calibrate = finished.static_test, finished.static_calibrate
    error = np.sqrt(sum(test * (1 - test) / len(data) for data in (splits.test, splits.calibrate)))
    if calibrate - test <= 3 * error:
        return []
    return [
        f"The static network is right on {calibrate:.1%} of the calibration split, but on {test:.1%} of the test "
        "split: it seems to have been trained on samples that are held out here. Thresholds that are set there then "
        "promise more than they keep; give weights that were trained without the held-out share."
    ]


def _useless(kept: Mapping[str, KeptEpoch]) -> list[str]:
    """Trainings of which no epoch was better than their start."""
    recipes = {"static": "static", "control": "train", "train": "train"}
    return [
        f"No epoch of the training “{step}” was better on the search split than what it started from, with a mean "
        f"accuracy of {best.accuracy:.1%}, which is kept. Set a lower {recipes[step]}.learning_rate, more epochs, or a "
        "larger data.held_out to compare epochs on."
        for step, best in kept.items()
        if best.epoch == 0
    ]


def _dynamic(run: Run, finished: FinishedSteps) -> Content:
    """How well the dynamic network does: its stages, its operating points, and its curve."""
    net = run.networks.trained()
    calibrate, test = (table.priced(net.macs, "macs") for table in (finished.calibrate, finished.test))
    curve = rule_curve(frontier(finished.calibrate, expected=run.settings.exits.expected), test)
    return {
        "stages": _stages(net, finished),
        "operating_points": [_point(target, rule, calibrate, test) for target, rule in finished.rules.items()],
        "unreached": [{"target": target, "reason": reason} for target, reason in finished.unreached.items()],
        "curve": [{"mean_macs": m, "accuracy": a} for m, a in zip(curve.costs, curve.accuracy, strict=True)],
    }


def _stages(net: MultiStageNet, finished: FinishedSteps) -> list[Content]:
    params = np.cumsum([sum(p.numel() for p in stage.parameters()) for stage in net.stages])
    return [
        {"accuracy": a, "macs": round(m), "params": int(p)}
        for a, m, p in zip(finished.test.stage_accuracy, net.macs, params, strict=True)
    ]


def _point(target: str, rule: ExitRule, calibrate: ExitTable, test: ExitTable) -> Content:
    """An operating point; the tables are in macs, whatever thresholds were set for."""
    chosen, measured = (operating_point(table, rule, target) for table in (calibrate, test))
    found = {name: value for name, value in vars(measured).items() if name != "mean_cost"}
    spent = {"mean_macs": measured.mean_cost, "calibrate_macs": chosen.mean_cost}
    return {**found, **spent, "calibrate_accuracy": chosen.accuracy}


def _search(finished: FinishedSteps, settings: Settings, unit: str) -> Content:
    scores, shared = [entry.score for entry in finished.entries], finished.training_seconds("shared")
    return {
        "evaluations": len(scores),
        "seconds": shared + finished.seconds["search"],
        "shared_seconds": shared,
        "trial_seconds": finished.trial_seconds,
        "strategy": settings.search.chosen_strategy,
        "turn_starts": settings.turn_starts,
        "trained_all": settings.search.weights == "train",
        "rewards": [score.reward for score in scores],
        "accuracies": [score.accuracy for score in scores if score.accuracy is not None],
        "costs": [score.mean_cost for score in scores if score.mean_cost is not None],
        "unit": unit,
    }


def _comparison(found: UniformComparison | None) -> Content:
    """What the search tells of itself; nothing of a search by an earlier version."""
    if found is None:
        return {}
    compared = {} if found.chosen_is_uniform else {"uniform_gain": found.gain, "uniform_error": found.error}
    counted = {"proposed": found.proposed, "feasible": found.feasible, "chosen_is_uniform": found.chosen_is_uniform}
    return {**counted, **compared}


def _preferences(finished: FinishedSteps) -> list[Content]:
    """How the best tenth of the scored plans divide each coupling, beside the chosen plan."""
    ranked = sorted(finished.entries, key=lambda entry: -entry.score.reward)
    best = ranked[: max(1, len(ranked) // 10)]
    found = []
    for name, widths in finished.plan.widths.items():
        ends = np.cumsum([entry.plan.widths[name] for entry in best], axis=1)[:, :-1] / sum(widths)
        chosen = np.cumsum(widths)[:-1] / sum(widths)
        found.append({"coupling": name, "middle": ends.mean(0), "spread": ends.std(0), "chosen": chosen})
    return [{key: value if key == "coupling" else value.tolist() for key, value in row.items()} for row in found]


def _training(run: Run, finished: FinishedSteps) -> Content:
    history, kept = finished.history["train"], finished.kept.get("train")
    return {
        "learning_rate": plan_rate(run),
        "kept_epoch": kept and kept.epoch,
        "start_accuracy": tuple(kept.start.values()) if kept and kept.start else None,
        "epochs": len(history),
        "seconds": finished.training_seconds("train"),
        "history": [_epoch(record) for record in history],
    }


def _epoch(record: EpochRecord) -> Content:
    return {
        "epoch": record.epoch,
        "loss": record.loss,
        "seconds": record.seconds,
        "images_per_second": record.images_per_second,
        "stage_accuracy": tuple(record.metrics.values()),
    }


def _plan(plan: Plan, graph: ChannelGraph) -> Content:
    couplings = [
        {
            "name": coupling.name,
            "layers": coupling.layers,
            "widths": plan.widths[coupling.name],
            "channels": len(coupling.units) * coupling.channels_per_unit,
        }
        for coupling in graph.couplings
        if coupling.name in plan.widths
    ]
    return {"num_stages": plan.num_stages, "couplings": couplings, "indicators": dict(plan.indicators)}
