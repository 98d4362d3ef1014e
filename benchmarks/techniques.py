"""What each technique of training gains, on one plan: alone on top of plain joint training, and all together.

python benchmarks/techniques.py runs/resnet20 --epochs 6 --json results/techniques.json

RUN is a folder whose static network is trained; the variants go into RUN/techniques. What is finished there is read,
so an ablation that was killed goes on.
"""

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from rows import add
from variants import variant

from s2dnas.comparison.measured import by_thresholds
from s2dnas.exits import ExitTable
from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.steps import do

SHARES = (0.5, 0.25, 0.25)
BUDGETS = (0.3, 0.35, 0.4, 0.5)
PLAIN = (
    "start=static",
    "space.importance=l1",
    "space.copies=0.0",
    "loss.distillation=0.0",
    "loss.features=0.0",
    "control=false",
)
TECHNIQUES: Mapping[str, tuple[str, ...]] = {
    "plain": (),
    "from scratch": ("start=scratch",),
    "reconstruct": ("start=reconstructed",),
    "order: activation": ("space.importance=activation",),
    "fade": ("fade=0.5",),
    "distil static": ("loss.distillation=0.5",),
    "distil last": ("loss.from_last=0.5",),
    "features": ("loss.features=2.0",),
    "carry gradient 0.5": ("carry_gradient=0.5",),
    "carry gradient 0": ("carry_gradient=0.0",),
    "add logits": ("accumulate_logits=true",),
    "survivors": ("loss.survivors=0.5",),
    "average": ("train.average=0.99",),
    "label smoothing": ("loss.label_smoothing=0.1",),
    "alpha: late to equal": ("loss.alpha_start=[0.2,0.5,1.0]",),
    "alpha: early": ("loss.alpha=[1.0,0.7,0.5]",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--only", nargs="*", choices=TECHNIQUES, default=list(TECHNIQUES))
    parser.add_argument("--together", nargs="*", choices=TECHNIQUES, default=[], help="one more variant: all of these")
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    run = open_run(given.run, None)
    variants = {name: TECHNIQUES[name] for name in given.only}
    if given.together:
        variants[" + ".join(given.together)] = tuple(pair for name in given.together for pair in TECHNIQUES[name])
    for name, pairs in variants.items():
        key = {"technique": name, "seed": run.settings.seed, "epochs": given.epochs}
        row = {**key, **measured(run, pairs, given.epochs)}
        add(given.json, "techniques", row, tuple(key), shares=SHARES, plain=PLAIN)
        print(json.dumps(row), flush=True)


def measured(run: Run, pairs: tuple[str, ...], epochs: int) -> dict[str, object]:
    """Stage accuracies on the test split, and accuracies at budgets by thresholds of the calibration split."""
    own = prepared(run, pairs, epochs)
    for step in ("train", "calibrate", "evaluate"):
        if not (own.folder.path / "test.npz").exists():
            do(own, step)
    calibrate, test = (ExitTable.load(own.folder.path / f"{name}.npz") for name in ("calibrate", "test"))
    _, at_budgets = by_thresholds(calibrate, test, run.statics.graph.macs, BUDGETS, expected=True)
    return {
        "settings": pairs,
        "stages": test.stage_accuracy.tolist(),
        "at_budgets": [at.model_dump(mode="json") for at in at_budgets],
    }


def prepared(run: Run, pairs: tuple[str, ...], epochs: int) -> Run:
    """A run of its own: the same static network, the uniform plan, other settings."""
    name = "-".join([str(epochs), *pairs]).replace("/", "-")
    own = variant(run, f"techniques/{name}", [*PLAIN, f"train.epochs={epochs}", *pairs])
    static = own.folder.checkpoint("static")
    if not static.exists():
        static.parent.mkdir(exist_ok=True)
        shutil.copy(run.folder.checkpoint("static"), static)
    own.study.space.uniform(SHARES).save(own.folder.path / "plan.json")
    return own


if __name__ == "__main__":
    main()
