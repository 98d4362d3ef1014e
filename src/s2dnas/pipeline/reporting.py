"""Gather what a run's steps left behind in one report."""

import platform
import shlex
from importlib.metadata import version

import numpy as np
import torch

from s2dnas.artifacts import read_json
from s2dnas.calibration import frontier, rule_curve
from s2dnas.config import changed
from s2dnas.exits import ExitRule, ExitTable, decide, operating_point
from s2dnas.pipeline.exits import rules
from s2dnas.pipeline.networks import trained
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.search import search_seconds
from s2dnas.pipeline.trials import trial_seconds
from s2dnas.report.content import ReportContent
from s2dnas.report.images import Gallery
from s2dnas.report.write import write_report
from s2dnas.search.journal import Entry, read_journal
from s2dnas.space.plan import Plan
from s2dnas.training.checkpoint import EpochRecord, read_history, training_seconds

_SHOWN = 8


def compile_report(run: Run) -> None:
    """Write report.html, report.json and the plots."""
    write_report(run.folder, ReportContent.model_validate(_content(run)), *_galleries(run))


def _command(run: Run) -> str:
    """What starts the same run, settings spelt out: it needs no file of settings."""
    start = run.start
    weights = ["--weights", start.weights] if start.weights else []
    pairs = changed(run.settings)
    if start.weights and run.settings.static.epochs == 0:
        pairs.remove("static.epochs=0")  # the default with weights
    return shlex.join(["s2dnas", "run", start.model, start.data, "--out", str(run.folder), *weights, *pairs])


def _content(run: Run) -> dict[str, object]:
    calibrate, test = (ExitTable.load(run.finished(f"{name}.npz")) for name in ("calibrate", "test"))
    accuracy = read_json(run.finished("static.json"), "static")
    calibrated = read_json(run.finished("rules.json"), "rules")
    history = {step: _history(run, step) for step in ("static", "control", "shared", "train")}
    entries = read_journal(run.finished("journal.jsonl"))
    searching = search_seconds(run)
    points = rule_curve(frontier(calibrate, expected=run.settings.exits.expected), test)
    return {
        "model": run.start.model,
        "data": run.start.data,
        "command": _command(run),
        "seed": run.settings.seed,
        "static": {
            "accuracy": accuracy["static"],
            "calibrate_accuracy": calibrated["static_accuracy"],
            "macs": run.static_graph.macs,
            "params": sum(p.numel() for p in run.static.parameters()),
            "seconds": training_seconds(history["static"]),
            "epochs": len(history["static"]),
            "given_weights": run.start.weights is not None,
        },
        "static_control": {
            "accuracy": accuracy["control"],
            "epochs": len(history["control"]),
            "seconds": training_seconds(history["control"]),
        }
        if "control" in accuracy
        else None,
        "warnings": _warnings(run, accuracy["static"], calibrated["static_accuracy"]),
        "stages": _stages(run, test),
        "operating_points": [_point(target, rule, calibrate, test) for target, rule in rules(run).items()],
        "unreached": [{"target": target, "reason": reason} for target, reason in calibrated["unreached"].items()],
        "curve": [{"mean_macs": m, "accuracy": a} for m, a in zip(points.macs, points.accuracy, strict=True)],
        "search": _search(run, entries, training_seconds(history["shared"]), searching),
        "training": {
            "epochs": len(history["train"]),
            "seconds": training_seconds(history["train"]),
            "history": [_epoch(record) for record in history["train"]],
        },
        "seconds": {
            **{step: training_seconds(records) for step, records in history.items() if records},
            "search": searching,
            "calibrate": calibrated["seconds"],
            "evaluate": accuracy["seconds"],
        },
        "plan": _plan(run),
        "whole": [vars(whole) for whole in run.graph.whole],
        "settings": run.settings.model_dump(mode="json"),
        "versions": {name: version(name) for name in ("s2dnas", "torch", "numpy")},
        "hardware": f"{run.compute.device}, {platform.machine()}, {torch.get_num_threads()} threads",
    }


def _warnings(run: Run, test: float, calibrate: float) -> list[str]:
    """A static network that knows the calibration split is surer there than on unseen samples, by over 3 sigma."""
    error = np.sqrt(sum(test * (1 - test) / len(data) for data in (run.splits.test, run.splits.calibrate)))
    if calibrate - test <= 3 * error:
        return []
    return [
        f"The static network is right on {calibrate:.1%} of the calibration split, but on {test:.1%} of the test "
        "split: it seems to have been trained on samples that are held out here. Thresholds that are set there then "
        "promise more than they keep; give weights that were trained without the held-out share."
    ]


def _history(run: Run, step: str) -> list[EpochRecord]:
    path = run.checkpoint(step)
    return read_history(path) if path.exists() else []


def _epoch(record: EpochRecord) -> dict[str, object]:
    return {
        "epoch": record.epoch,
        "loss": record.loss,
        "seconds": record.seconds,
        "images_per_second": record.images_per_second,
        "stage_accuracy": tuple(record.metrics.values()),
    }


def _stages(run: Run, test: ExitTable) -> list[dict[str, object]]:
    net = trained(run)
    params = np.cumsum([sum(p.numel() for p in stage.parameters()) for stage in net.stages])
    return [
        {"accuracy": a, "macs": round(m), "params": int(p)}
        for a, m, p in zip(test.stage_accuracy, test.macs, params, strict=True)
    ]


def _point(target: str, rule: ExitRule, calibrate: ExitTable, test: ExitTable) -> dict[str, object]:
    chosen, measured = operating_point(calibrate, rule, target), operating_point(test, rule, target)
    return {**vars(measured), "calibrate_accuracy": chosen.accuracy, "calibrate_macs": chosen.mean_macs}


def _search(run: Run, entries: list[Entry], shared_seconds: float, searching: float) -> dict[str, object]:
    return {
        "evaluations": len(entries),
        "seconds": shared_seconds + searching,
        "shared_seconds": shared_seconds,
        "trial_seconds": trial_seconds(run),
        "strategy": run.settings.search.strategy,
        "rewards": [entry.score.reward for entry in entries],
        "accuracies": [entry.score.accuracy for entry in entries],
        "macs": [entry.score.mean_macs for entry in entries],
    }


def _plan(run: Run) -> dict[str, object]:
    plan = Plan.load(run.finished("plan.json"))
    couplings = [
        {
            "name": coupling.name,
            "layers": coupling.layers,
            "widths": plan.widths[coupling.name],
            "channels": len(coupling.units) * coupling.channels_per_unit,
        }
        for coupling in run.graph.couplings
        if coupling.name in plan.widths
    ]
    return {"num_stages": plan.num_stages, "couplings": couplings, "indicators": dict(plan.indicators)}


def _galleries(run: Run) -> tuple[Gallery | None, Gallery | None]:
    """Test images that leave first and last under the first rule, the surest and the least sure."""
    found = rules(run)
    if not found:
        return None, None
    test = ExitTable.load(run.finished("test.npz"))
    outcomes = decide(test, next(iter(found.values())))
    order = np.argsort(-test.scores[0])
    data = run.splits.test

    def gallery(indices: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Gallery:
        captions = tuple(data.class_names[int(data.labels[i])] for i in indices)
        return Gallery(data.images[torch.from_numpy(indices.copy())].cpu().numpy(), captions)

    first = order[outcomes.stages[order] == 0][:_SHOWN]
    last = order[outcomes.stages[order] == test.num_stages - 1][::-1][:_SHOWN]
    return gallery(first), gallery(last)
