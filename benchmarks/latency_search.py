"""A search by latency and searches by multiply-adds on one static network: what their winners take at equal accuracy.

python benchmarks/latency_search.py data/cifar10-jpeg --out runs/latency-search --json results/latency-search.json

The static network is trained, profiled and searched three times: by multiply-adds in pieces of 4 channels and in
aligned ones, and by latency. Each winner is trained alike and exported; its stages are really timed, and thresholds are
set by these times on the calibration split. The static network is timed as well. Finished parts are read, so the same
command goes on.
"""

import argparse
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rows import add
from variants import variant

from s2dnas.calibration import RuleCurve, frontier, rule_curve
from s2dnas.exits import ExitTable
from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.settings import load_settings
from s2dnas.pipeline.start import Start
from s2dnas.pipeline.steps import do
from s2dnas.profile.engines import ProfiledEngine, profiled_engine
from s2dnas.profile.machine import processor
from s2dnas.profile.profiling import Effort, profile
from s2dnas.profile.timing import least_milliseconds
from s2dnas.space.division import search_space
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build

DROPS = (0.0, 0.5, 1.0, 2.0)
"""Points below the highest accuracy that all winners reach, at which their times are compared."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--limit", type=int, default=6000, help="images of training and of test")
    parser.add_argument("--epochs", type=int, default=4, help="of the static network; a winner gets half as many")
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument(
        "--budget", type=float, default=0.5, help="share of the static cost that plans are searched for"
    )
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    engine, run = profiled_engine("onnxruntime"), static_run(given)
    searches = {
        "macs": ("cost=macs", "space.min_width=4"),
        "macs, aligned": ("cost=macs", "space.min_width=aligned"),
        "latency": ("cost=latency", f"latency.batch={given.batch}", f"latency.table={table_of(run, engine, given)}"),
    }
    winners = {name: winner(run, name, pairs) for name, pairs in searches.items()}
    compare(given, run, winners, engine)


def static_run(given: argparse.Namespace) -> Run:
    """The run whose static network all searches divide."""
    pairs = [
        f"data.size={given.size}",
        f"data.limit={given.limit}",
        "data.held_out=0.3",
        f"static.epochs={given.epochs}",
        f"train.epochs={max(1, given.epochs // 2)}",
        "train.learning_rate=0.05",
        f"search.evaluations={given.evaluations}",
        f"search.budgets=[{given.budget}]",
        f"exits.budgets=[{given.budget}]",
        "search.images=500",
        "control=false",
    ]
    run = open_run(given.out, Start(given.model, given.data, None, load_settings(None, pairs)))
    do(run, "static")
    return run


def table_of(run: Run, engine: ProfiledEngine, given: argparse.Namespace) -> Path:
    """The file of the latency table of the run's network."""
    path = given.out / "latencies.json"
    if not path.exists():
        space = search_space(run.statics.graph, run.settings.space.num_stages, "aligned")
        effort, journal = Effort(seconds=given.seconds), given.out / "latencies.jsonl"
        profile(run.statics.graph, space, engine, [given.batch], journal=journal, effort=effort).table().save(path)
        journal.unlink()
    return path.resolve()


def winner(run: Run, name: str, pairs: Sequence[str]) -> Run:
    """The run of a search, whose winner is trained and has answered the calibration and the test split."""
    own = variant(run, name.replace(", ", "-"), pairs)
    if not (static := own.folder.checkpoint("static")).exists():
        static.parent.mkdir(exist_ok=True)
        shutil.copy(run.folder.checkpoint("static"), static)
    for step, last in {"search": "plan.json", "train": "", "calibrate": "rules.json", "evaluate": "test.npz"}.items():
        if not last or not (own.folder.path / last).exists():
            do(own, step)
    return own


def compare(given: argparse.Namespace, run: Run, winners: Mapping[str, Run], engine: ProfiledEngine) -> None:
    """Time the winners and the static network in turn, and write a row for each."""
    plans = {name: own.networks.plan() for name, own in winners.items()}
    graphs = {name: own.study.graph for name, own in winners.items()} | {"static": run.statics.graph}
    plans["static"] = Plan(1, {}, {})
    runs = {name: engine.stages(build(graphs[name], plan), given.batch) for name, plan in plans.items()}
    rounds = [{name: least_milliseconds(each, given.seconds) for name, each in runs.items()} for _ in range(5)]
    times = {name: np.min([found[name] for found in rounds], axis=0) / given.batch for name in plans}
    curves = {name: curve(own, times[name]) for name, own in winners.items()}
    reached = min(float(each.accuracy.max()) for each in curves.values())
    head = {
        "model": given.model,
        "size": given.size,
        "limit": given.limit,
        "epochs": given.epochs,
        "evaluations": given.evaluations,
        "budget": given.budget,
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "static": {"milliseconds": float(times["static"][0]), "macs": run.statics.graph.macs},
    }
    for name, own in winners.items():
        row = {"search": name, "batch": given.batch, **described(own, times[name], curves[name], reached)}
        add(given.json, "latency_search", row, ("search", "batch"), **head)
        print(row, flush=True)


def curve(own: Run, times: np.ndarray) -> RuleCurve:
    """Accuracy on the test split against measured milliseconds, by thresholds of the calibration split."""
    calibrate, test = (
        ExitTable.load(own.folder.finished(f"{name}.npz")).priced(np.cumsum(times), "ms")
        for name in ("calibrate", "test")
    )
    return rule_curve(frontier(calibrate, expected=True), test)


def described(own: Run, times: np.ndarray, found: RuleCurve, reached: float) -> dict[str, Any]:
    """What a winner is, and the least time at which it keeps each accuracy."""
    net, test = own.networks.trained(), ExitTable.load(own.folder.finished("test.npz"))
    floors = [reached - drop / 100 for drop in DROPS]
    predicted = own.pricing.cost.of(net.info.plan).tolist() if own.settings.cost == "latency" else None
    return {
        "predicted_milliseconds": predicted,
        "milliseconds": np.cumsum(times).tolist(),
        "macs": list(net.macs),
        "stage_accuracy": test.stage_accuracy.tolist(),
        "at_accuracy": [
            {"accuracy": floor, "milliseconds": float(found.costs[found.accuracy >= floor].min())} for floor in floors
        ],
    }


if __name__ == "__main__":
    main()
