"""By which learning rate weights that know something are trained best, after 1, 3, 10 and 30 epochs.

python benchmarks/finetuning.py --out runs/finetuning --json results/finetuning.json --data digits data/fashion-mnist

For each data set and network a static network is trained in a run folder below --out; then it is finetuned (start
"given"), and a plan of shares of 1/4, 1/4, 1/2 is trained from reconstructed weights, by each fixed learning rate, by
the rule for recipes without one ("steps"), and by a range test ("range"). Each row tells the accuracies on the test
split before, after the last epoch, and of the best epoch. What is in the JSON file is not measured again, and a
training that was killed goes on.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from range_test import range_test
from rows import add
from torch import nn

from s2dnas.artifacts import read_json
from s2dnas.errors import TrainingError
from s2dnas.evaluation.collect import stage_accuracies, static_accuracy
from s2dnas.masked.shared import MaskedNet
from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.settings import load_settings
from s2dnas.pipeline.start import Start
from s2dnas.pipeline.steps import do
from s2dnas.pipeline.training import Validate
from s2dnas.training.checkpoint import load_checkpoint, read_kept
from s2dnas.training.label_loss import LabelLoss
from s2dnas.training.learning_rate import chosen_rate
from s2dnas.training.loop import TrainingTask, fit
from s2dnas.training.moment import Loss
from s2dnas.training.recipe import Recipe
from s2dnas.training.stage_loss import StageLoss

SHARES = (0.25, 0.25, 0.5)
RATES = ("0.1", "0.03", "0.01", "0.003", "0.001", "steps", "range")
OWN = Path(__file__).resolve().with_name("finetuning_networks.py")
NETWORKS = {
    "small": (f"{OWN}:small", ()),
    "resnet20": ("resnet20", ()),
    "thin_vgg16_bn": (f"{OWN}:thin_vgg16_bn", ("data.size=32", "static.learning_rate=0.02")),
}
KEY = ("data", "network", "seed", "start", "epochs", "rate")


@dataclass(frozen=True, eq=False)
class Subject:
    """What is trained from weights that know something, and how."""

    net: nn.Module
    loss: Loss
    validate: Validate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--data", nargs="+", default=["digits"])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--epochs", nargs="+", type=int, default=[1, 3, 10, 30])
    parser.add_argument("--rates", nargs="+", choices=RATES, default=list(RATES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--static-epochs", type=int, default=30)
    parser.add_argument("--limit", type=int, help="at most so many images of train and of test")
    measure_all(parser.parse_args())


def measure_all(given: argparse.Namespace) -> None:
    """Measure what is not in the JSON file yet."""
    rows = read_json(given.json, "finetuning")["rows"] if given.json.exists() else []
    done = {tuple(row[name] for name in KEY) for row in rows}
    for data in given.data:
        for network in given.networks:
            for seed in given.seeds:
                head = (Path(data).name, network, seed)
                wanted = [row for row in combinations(given) if (*head, *row) not in done]
                if wanted:
                    run = opened(given, data, network, seed)
                for row in wanted:
                    found = dict(zip(KEY, (*head, *row), strict=True)) | measured(run, *row)
                    add(given.json, "finetuning", found, KEY, shares=SHARES)
                    print(json.dumps(found), flush=True)


def combinations(given: argparse.Namespace) -> Iterator[tuple[str, int, str]]:
    """Start, epochs and rate of each training of a network; short ones first."""
    for epochs in sorted(given.epochs):
        for start in ("given", "reconstructed"):
            yield from ((start, epochs, rate) for rate in given.rates)


def opened(given: argparse.Namespace, data: str, network: str, seed: int) -> Run:
    """The run of a network, whose static network is trained."""
    model, pairs = NETWORKS[network]
    limit = [] if given.limit is None else [f"data.limit={given.limit}"]
    own = [f"seed={seed}", f"static.epochs={given.static_epochs}", "augmentation.flip=false", "control=false"]
    settings = load_settings(None, [*pairs, *limit, *own])
    folder = given.out / f"{Path(data).name}-{network}-{seed}"
    run = open_run(folder, Start(model, data, None, settings))
    do(run, "static")
    return run


def measured(run: Run, start: str, epochs: int, rate: str) -> dict[str, Any]:
    """One training: its learning rate, and accuracies on the test split before, at the end and of the best epoch."""
    subject = SUBJECTS[start](run)
    recipe = replace(run.settings.train, epochs=epochs)
    batches, count = run.feed.training(recipe.batch_size)
    task = TrainingTask(subject.net, subject.loss, batches, count)
    chosen = chosen_by(rate, task, recipe, run)
    found = {"learning_rate": chosen, "steps": epochs * count, "before": on_test(run, subject.net)}
    step, recipe = f"finetuning/{start}-{epochs}-{rate}", replace(recipe, learning_rate=chosen)
    task = replace(task, validate=subject.validate, num_validated=len(run.feed.splits.search))
    checkpoint, seed = run.folder.checkpoint(step), run.seeds.of("finetuning")  # the same images for every rate
    try:
        fit(task, recipe, compute=run.compute, checkpoint=checkpoint, seed=seed)
    except TrainingError as error:
        return {**found, "diverged": str(error)}
    kept, best = read_kept(checkpoint), on_test(run, subject.net)
    load_checkpoint(checkpoint, subject.net, torch.optim.SGD(subject.net.parameters(), lr=1.0))
    return {**found, "last": on_test(run, subject.net), "best": best, "kept_epoch": kept and kept.epoch}


def chosen_by(rate: str, task: TrainingTask, recipe: Recipe, run: Run) -> float:
    """The learning rate of a row."""
    if rate == "steps":
        return chosen_rate(recipe, task.num_batches, fresh=False)
    task.module.to(run.compute.device)
    return range_test(task, run.compute.device) if rate == "range" else float(rate)


def given_weights(run: Run) -> Subject:
    """The static network, to be trained on by labels."""
    net = run.statics.after("static")
    return Subject(net, LabelLoss(), lambda: {"accuracy": static_accuracy(net, run.feed.plain(run.feed.splits.search))})


def reconstructed_weights(run: Run) -> Subject:
    """The network of a fixed plan."""
    net = run.networks.starting(run.study.space.uniform(SHARES), "reconstructed")
    return Subject(
        net, StageLoss(weights=run.settings.loss), lambda: stage_accuracies(net, run.feed.plain(run.feed.splits.search))
    )


SUBJECTS = {"given": given_weights, "reconstructed": reconstructed_weights}


def on_test(run: Run, net: nn.Module) -> list[float]:
    """The accuracy of each stage on the test split, in [0, 1]; of a static network its one."""
    net.eval()
    batches = run.feed.plain(run.feed.splits.test)
    found = stage_accuracies(net, batches) if isinstance(net, MaskedNet) else {"": static_accuracy(net, batches)}
    return [round(accuracy, 4) for accuracy in found.values()]


if __name__ == "__main__":
    main()
